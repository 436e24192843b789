"""Explains to a user how each node of a program is lowered, or why it is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from reverie_ascent.graph.shapes import dims
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.lower import Target, passes_for
from reverie_ascent.lowering.partition import choose
from reverie_ascent.lowering.rules import is_narrow, is_pointwise, is_winograd, why_not
from reverie_ascent.lowering.to_rows import ToRows


@dataclass(frozen=True)
class Explanation:
    """How a node is lowered: ``how`` is the form it gets or, if it is not lowered, the reason."""

    node: str
    op_type: str
    shape: tuple[int, ...] | None
    lowered: bool
    how: str


REWRITTEN = {
    "linear": "part of the closed form of a linear objective's convolution",
    "mask": "a ReLU's mask at the size of the pool behind it",
}
"""Descriptions of the nodes that earlier passes write, by the prefix of their names."""


def explain(model: ir.Model, target: Target) -> Iterator[Explanation]:
    """Yield an explanation for each node of a step program, in order.

    The passes before the choice of nodes are applied to the program.
    """
    for each in passes_for(target):
        if isinstance(each, ToRows):
            yield from _by_choice(model, each.costs)
            return
        each(model)
    reason = "an exact device runs the graph as it was exported" if target.exact else "rows are for CPUs"
    for node in model.graph:
        yield _explanation(node, False, reason)


def _by_choice(model: ir.Model, costs: Costs) -> Iterator[Explanation]:
    chosen = choose(model.graph, costs.price, costs.conversion)
    for node in model.graph:
        yield _explanation(node, node in chosen, _how(node, costs, chosen))


def _explanation(node: ir.Node, lowered: bool, how: str) -> Explanation:
    rewritten = next((text for prefix, text in REWRITTEN.items() if (node.name or "").startswith(prefix)), None)
    if rewritten is not None:
        how = f"{rewritten}; {how}" if lowered else rewritten
    name = node.name or str(node.outputs[0].name)
    return Explanation(name, node.op_type, dims(node.outputs[0]), lowered or rewritten is not None, how)


def _how(node: ir.Node, costs: Costs, chosen: Collection[ir.Node]) -> str:
    reason = why_not(node)
    if reason is not None:
        return reason
    if node in chosen:
        return next((form for fits, form in FORMS if fits(node)), "on rows, like its neighbours")
    if node.op_type != "Conv":
        return "nothing to gain: its neighbours are not on rows"
    price = costs.price(node)
    if price.rows < price.plain:
        saved = 1e3 * (price.plain - price.rows)
        return f"the {saved:.2f} ms that rows would save are less than converting its values would cost"
    return f"by the plan it takes {1e3 * price.plain:.2f} ms, and would take {1e3 * price.rows:.2f} ms on rows"


FORMS = (
    (is_winograd, "Winograd's products on tiles of 4 x 4 pixels"),
    (is_pointwise, "one matrix product of rows"),
    (is_narrow, "one matrix product of rows for all taps, which are shifted and summed"),
)
