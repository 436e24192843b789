"""Reasons why a value is no layer: it does not depend on the picture, its operator has no rule, its size is unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import onnx_ir as ir
from reverie_gradient import inputs_of, missing_rule

from reverie_export.batch_norm import STANDARD
from reverie_export.errors import UnknownLayer
from reverie_export.geometry import Geometry
from reverie_export.layers import JOINS, KINDS, Target
from reverie_export.normalise import Names
from reverie_export.shape_rules import Shape
from reverie_export.sources.source import Source

NO_SIZE = "its size cannot be worked out"


def refuse_independent(source: Source, wanted: Sequence[str]) -> None:
    """Raise UnknownLayer for a name in ``wanted`` that stands for a value which does not depend on the picture."""
    graph = source.graph.graph
    reached = {graph.inputs[0]}
    for node in graph:
        if not reached.isdisjoint(inputs_of(node)):
            reached.update(node.outputs)
    values = [value for node in graph for value in node.outputs if value not in reached]
    names = {name for v in values for name in (v.name or "", *source.names.get(v.name or "", ()))}
    names |= set(graph.initializers)
    for name in wanted:
        if name in names:
            raise UnknownLayer(f"{name!r} does not depend on the picture, so nothing can be asked of it")


def without_rule(graph: ir.Graph, names: Names, targets: Iterable[Target]) -> dict[str, tuple[ir.Node, str]]:
    """Return, by name, the nodes without a gradient rule behind which there is no layer, each with the reason.

    Of the others, the layers behind them are listed, for that reason.
    """
    found = {}
    unsized = {value.name for node in without_size(graph, names).values() for value in node.outputs}
    before_layers = _before(graph, unsized | {target.value for target in targets})
    for node, reason in missing_rule(graph, graph.inputs[0]).items():
        if node in before_layers:
            continue
        value = next((v.name for v in node.outputs if v.name), "")
        found[(names.get(value) or (value,))[0]] = (node, no_rule(node, reason))
    return found


def _before(graph: ir.Graph, values: Collection[str | None]) -> set[ir.Node]:
    """Return the nodes on which ``values`` depend, without those that compute them."""
    found: set[ir.Node] = set()
    for node in reversed(graph):
        if node in found or any(value.name in values for value in node.outputs):
            found.update(producer for v in inputs_of(node) if (producer := v.producer()) is not None)
    return found


def no_rule(node: ir.Node, reason: str) -> str:
    """Return the sentence that ``node`` has no gradient rule."""
    operator = node.op_type if node.domain in STANDARD else f"{node.domain}::{node.op_type}"
    name = next((v.name for v in node.outputs if v.name), node.name)  # names of nodes may be made up by libraries
    return f"{operator} {name!r} has no gradient rule{f': {reason}' if reason else ''}"


def unusable(graph: ir.Graph, names: Names, targets: Iterable[Target]) -> dict[str, str]:
    """Return, by name, what would be layers but for their own operator or an unknown size, each with the reason."""
    behind = _behind(graph)
    reasons = {name: behind[node][0] if behind[node] else NO_SIZE for name, node in without_size(graph, names).items()}
    return {name: reason for name, (_, reason) in without_rule(graph, names, targets).items()} | reasons


def _behind(graph: ir.Graph) -> dict[ir.Node, list[str]]:
    """Return for each node the reasons of all nodes without a rule that its gradient would pass."""
    missing = missing_rule(graph, graph.inputs[0])
    by_value: dict[ir.Value, list[str]] = {}
    found: dict[ir.Node, list[str]] = {}
    for node in graph:
        before = [reason for value in dict.fromkeys(inputs_of(node)) for reason in by_value.get(value, ())]
        own = [no_rule(node, missing[node])] if node in missing else []
        found[node] = list(dict.fromkeys(before + own))
        by_value.update(dict.fromkeys(node.outputs, found[node]))
    return found


def first_obstacle(graph: ir.Graph) -> str:
    """Return the end of a sentence about the first operator that has no rule, or else whose size is unknown."""
    missing = missing_rule(graph, graph.inputs[0])
    if missing:
        node, reason = next(iter(missing.items()))
        return f"; {no_rule(node, reason)}"
    return first_without_size(graph)


def first_without_size(graph: ir.Graph) -> str:
    """Return the end of a sentence about the first operator whose size cannot be worked out, if there is one."""
    shapes = _shapes(graph)
    for node in graph:
        if not _sized(node, shapes):
            return f"; the size of {node.op_type} {(node.name or node.outputs[0].name)!r} cannot be worked out"
    return ""


def without_size(graph: ir.Graph, names: Names) -> dict[str, ir.Node]:
    """Return, by name, the nodes that would be layers if their sizes could be worked out."""
    shapes = _shapes(graph)
    reached, found = {graph.inputs[0]}, {}
    for node in graph:
        if reached.isdisjoint(inputs_of(node)):
            continue
        joined = sum(v in reached for v in node.inputs) > 1 if node.op_type in JOINS else True
        reached.update(node.outputs)
        value = node.outputs[0].name or ""
        if node.op_type in KINDS and joined and not _sized(node, shapes):
            found[(names.get(value) or (value,))[0]] = node
    return found


def _sized(node: ir.Node, shapes: Mapping[str, Shape]) -> bool:
    return all(v.name in shapes or (v.shape is not None and v.shape.is_static()) for v in node.outputs if v.name)


def _shapes(graph: ir.Graph) -> dict[str, Shape]:
    """Return the shapes of all values for one picture of the size that the graph was traced with."""
    stated = graph.inputs[0].shape
    assert stated is not None
    return Geometry(graph).shapes(1, *map(int, stated.numpy()[2:]))
