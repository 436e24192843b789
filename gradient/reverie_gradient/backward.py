"""The engine: walk back from the output, one rule per node, and sum where paths meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

import reverie_gradient.rules  # noqa: F401 - fills the table
from reverie_gradient.errors import GradientError, MissingRule, NotDifferentiable, Unrelated
from reverie_gradient.table import FLAT, RULES, Call, name_of
from reverie_gradient.term import Tape, Term

OLDEST_OPSET, NEWEST_OPSET = 13, 23


def add_gradient(graph: ir.Graph, *, of: ir.Value, wrt: Sequence[ir.Value], cotangent: ir.Value) -> list[ir.Value]:
    """Append to ``graph`` the nodes that compute the vector-Jacobian product of ``of``.

    Args:
        graph: Sorted, of opset 13 to 23. Its nodes keep their names; shapes that it does not state are inferred.
        of: The float value to differentiate.
        wrt: The float values to differentiate by: inputs, initializers or anything computed on the way to ``of``.
        cotangent: What to multiply the Jacobian by, of the type and shape of ``of``; it receives both if it has none.

    Returns:
        For each value of ``wrt``, the value of its shape that holds d<of, cotangent>/d(value). None of them is made an
        output of the graph.

    Raises:
        MissingRule: Operators on the path have no rule; all are listed.
        NotDifferentiable: A rule does not cover a node on the path.
        Unrelated: ``of`` does not depend on a value of ``wrt``.
        UnknownShape: A rule needs a shape that cannot be inferred.
    """
    opset = graph.opset_imports.get("", 0)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise GradientError(f"opset {opset} is not supported; convert the model to {OLDEST_OPSET}..{NEWEST_OPSET}")
    _infer_shapes(graph)
    if cotangent.type is None:
        cotangent.type, cotangent.shape = of.type, of.shape
    for value in (of, *wrt, cotangent):
        if not _may_carry(value):
            raise GradientError(f"{value.name!r} holds {value.dtype}, not floating-point numbers")
    if cotangent.dtype != of.dtype:
        raise GradientError(f"the cotangent holds {cotangent.dtype}, but {of.name!r} holds {of.dtype}; cast one")

    path, live = _between(graph, wrt, of)
    if missing := _missing(path):
        raise MissingRule(missing)

    tape = Tape(graph)
    grads = {of: _term(tape, cotangent)}
    for node in reversed(path):
        tape.scope = name_of(node)
        for x, dx in _pull_back(tape, node, grads, live, opset):
            grads[x] = grads[x] + dx if x in grads else dx

    results = [grads[value].value for value in wrt]
    for value, result in zip(wrt, results, strict=True):
        if result is not cotangent:
            result.type, result.shape = value.type, value.shape
    graph.extend(_needed(tape.nodes, results))
    return results


def _pull_back(
    tape: Tape, node: ir.Node, grads: dict[ir.Value, Term], live: set[ir.Value], opset: int
) -> Iterator[tuple[ir.Value, Term]]:
    """Apply the rule of ``node``: for each input that leads back to ``wrt``, its share of the gradient."""
    call = Call(
        node,
        tuple(None if v is None else _term(tape, v) for v in node.inputs),
        tuple(_term(tape, v) for v in node.outputs),
        tuple(grads.get(v) for v in node.outputs),
        opset,
    )
    dxs = RULES[node.op_type](call)
    for i, x in enumerate(node.inputs):
        if x is None or x not in live:
            continue
        dx = dxs[i] if i < len(dxs) else None
        if dx is None:
            raise NotDifferentiable(name_of(node), node.op_type, f"no gradient for its input {i} ({x.name!r})")
        yield x, dx


def _between(graph: ir.Graph, wrt: Sequence[ir.Value], of: ir.Value) -> tuple[list[ir.Node], set[ir.Value]]:
    """Return the nodes on any differentiable path from ``wrt`` to ``of``, in order, and the values along them."""
    forward = set(wrt)
    reached = []
    for node in graph:
        if not _is_flat(node) and not forward.isdisjoint(_inputs(node)):
            reached.append(node)
            forward.update(v for v in node.outputs if _may_carry(v))

    needed = {of}
    path = []
    for node in reversed(reached):
        if not needed.isdisjoint(node.outputs):
            path.append(node)
            needed.update(v for v in _inputs(node) if v in forward)
    if lost := [v.name or "" for v in wrt if v not in needed]:
        raise Unrelated(of.name or "", lost)
    return path[::-1], forward & needed


def _missing(path: Sequence[ir.Node]) -> dict[str, list[str]]:
    missing: dict[str, list[str]] = {}
    for node in path:
        standard = node.domain in ("", "ai.onnx")
        if not standard or node.op_type not in RULES:
            missing.setdefault(node.op_type if standard else f"{node.domain}::{node.op_type}", []).append(name_of(node))
    return missing


def _needed(nodes: Sequence[ir.Node], results: Sequence[ir.Value]) -> list[ir.Node]:
    """Leave out nodes that no result depends on: gradients of weights that nobody asked for."""
    used = set(results)
    kept = []
    for node in reversed(nodes):
        if not used.isdisjoint(node.outputs):
            kept.append(node)
            used.update(v for v in node.inputs if v is not None)
    for node in nodes:
        if used.isdisjoint(node.outputs):
            for i in range(len(node.inputs)):
                node.replace_input_with(i, None)  # it must not count as a consumer of what stays
    return kept[::-1]


def _inputs(node: ir.Node) -> Iterator[ir.Value]:
    """Yield what a node reads, including what the bodies of an If or Loop take from outside."""
    yield from (v for v in node.inputs if v is not None)
    for attribute in node.attributes.values():
        if attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
            graphs = [attribute.as_graph()] if attribute.type == ir.AttributeType.GRAPH else attribute.as_graphs()
            for graph in graphs:
                for inner in graph.all_nodes():
                    yield from (v for v in inner.inputs if v is not None)


def _is_flat(node: ir.Node) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in FLAT


def _may_carry(value: ir.Value) -> bool:
    """Whether a gradient can pass: integers and booleans carry none; an unknown type might."""
    return value.dtype is None or value.dtype.is_floating_point()


def _term(tape: Tape, value: ir.Value) -> Term:
    return Term(tape, value, value.dtype or ir.DataType.FLOAT)


def _infer_shapes(graph: ir.Graph) -> None:
    if any(v.shape is None or v.dtype is None for node in graph for v in node.outputs if v.name):
        ShapeInferencePass(check_type=False, strict_mode=False)(ir.Model(graph, ir_version=10))
