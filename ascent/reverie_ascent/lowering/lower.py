"""The lowering itself: from a step program to the same function at another price."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import dims, settle
from reverie_ascent.lowering import closed_form as linear
from reverie_ascent.lowering import masks
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.fold import fold
from reverie_ascent.lowering.partition import choose
from reverie_ascent.lowering.rows import Held, from_plain, to_plain
from reverie_ascent.lowering.rules import RULES, is_winograd, moving
from reverie_ascent.lowering.tiling import Tiles


def lower(model: ir.Model, costs: Costs, *, threads: int) -> None:
    """Rewrite ``model``, every size of which is fixed, for ``threads`` of the CPU whose ``costs`` are given.

    The function stays what it was, to about 1e-5 of each convolution's values; inputs and outputs keep their names.
    """
    settle(model)
    linear.close(model)
    masks.shrink(model)
    lowered = choose(model.graph, costs.price, costs.conversion)
    if lowered:
        rewrite(model, lowered, threads=threads)
        fold(model)


def rewrite(model: ir.Model, lowered: Collection[ir.Node], *, threads: int) -> None:
    """Let the nodes ``lowered`` work on rows, and convert where they meet others."""
    graph = model.graph
    outputs = list(graph.outputs)
    w = Builder(graph, "rows")
    tiles = Tiles(_widest(lowered), threads)
    held: dict[ir.Value, Held] = {}
    plain: dict[ir.Value, ir.Value] = {}

    def as_rows(value: ir.Value) -> Held:
        if value not in held:
            held[value] = from_plain(w, as_plain(value))
        return held[value]

    def as_plain(value: ir.Value) -> ir.Value:
        if value.producer() not in lowered:
            return value
        if value not in plain:
            _, _, height, width = dims(value) or ()
            plain[value] = to_plain(w, held[value], (height, width))
        return plain[value]

    for node in list(graph):
        if node in lowered:
            wanted = moving(node)
            inputs = [as_rows(v) if v in wanted else None for v in node.inputs if v is not None]
            results = RULES[node.op_type].emit(w, node, inputs, tiles)
            for made, result in zip(node.outputs, results, strict=True):
                if isinstance(result, ir.Value):
                    plain[made] = result
                    result.shape, result.type = made.shape, made.type
                else:
                    held[made] = result
            continue
        for i, value in enumerate(node.inputs):
            if value is not None:
                node.replace_input_with(i, as_plain(value))
        w.insert_before(node)

    for i, output in enumerate(outputs):
        final = as_plain(output)
        if final is not output:
            final.name, output.name = output.name, None
            final.shape, final.type = output.shape, output.type
            graph.outputs[i] = final
    w.append()
    # Safely: a node that is out of the graph but has its inputs still would keep its weights in memory.
    graph.remove(lowered, safe=True)
    RemoveUnusedNodesPass()(model)


def _widest(lowered: Collection[ir.Node]) -> dict[tuple[int, int, int], int]:
    """Return the largest number of channels that Winograd's products meet at each size."""
    widest: dict[tuple[int, int, int], int] = {}
    for node in lowered:
        if is_winograd(node):
            n, outputs, height, width = dims(node.outputs[0]) or ()
            _, inputs, *_ = dims(node.inputs[0]) or ()
            key = (n, height, width)
            widest[key] = max(widest.get(key, 1), inputs, outputs)
    return widest
