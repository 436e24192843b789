"""Rewrites the chosen nodes of a program to compute on rows of pixels instead of [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import dims
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.partition import choose
from reverie_ascent.lowering.rewrite import Rewrite
from reverie_ascent.lowering.rows import OnRows, from_plain, to_plain
from reverie_ascent.lowering.rules import RULES, is_winograd, moving
from reverie_ascent.lowering.tiling import Tiles


class ToRows(Rewrite):
    """Rewrite the nodes that are cheaper on rows by the costs of a plan."""

    def __init__(self, costs: Costs) -> None:
        self.costs = costs

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Choose the nodes and rewrite them."""
        chosen = choose(model.graph, self.costs.price, self.costs.conversion)
        if chosen:
            rewrite(model, chosen)
        return ir.passes.PassResult(model, bool(chosen))


def rewrite(model: ir.Model, lowered: Collection[ir.Node]) -> None:
    """Rewrite the nodes ``lowered`` to compute on rows, and convert the values between them and other nodes."""
    graph = model.graph
    outputs = list(graph.outputs)
    w = Builder(graph, "rows")
    tiles = Tiles(_widest(lowered))
    on_rows: dict[ir.Value, OnRows] = {}
    plain: dict[ir.Value, ir.Value] = {}

    def as_rows(value: ir.Value) -> OnRows:
        if value not in on_rows:
            on_rows[value] = from_plain(w, as_plain(value))
        return on_rows[value]

    def as_plain(value: ir.Value) -> ir.Value:
        if value.producer() not in lowered:
            return value
        if value not in plain:
            _, _, height, width = dims(value) or ()
            plain[value] = to_plain(w, on_rows[value], (height, width))
        return plain[value]

    for node in list(graph):
        if node in lowered:
            read_as_rows = moving(node)
            inputs = [as_rows(v) if v in read_as_rows else None for v in node.inputs if v is not None]
            results = RULES[node.op_type].emit(w, node, inputs, tiles)
            for output, result in zip(node.outputs, results, strict=True):
                if isinstance(result, ir.Value):
                    plain[output] = result
                    result.shape, result.type = output.shape, output.type
                else:
                    on_rows[output] = result
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
    # `safe` detaches the inputs of the removed nodes, which would otherwise keep their weights in memory.
    graph.remove(lowered, safe=True)
    RemoveUnusedNodesPass()(model)


def _widest(lowered: Collection[ir.Node]) -> dict[tuple[int, int, int], int]:
    """Return the largest number of channels of a Winograd convolution at each size."""
    widest: dict[tuple[int, int, int], int] = {}
    for node in lowered:
        if is_winograd(node):
            n, outputs, height, width = dims(node.outputs[0]) or ()
            _, inputs, *_ = dims(node.inputs[0]) or ()
            key = (n, height, width)
            widest[key] = max(widest.get(key, 1), inputs, outputs)
    return widest
