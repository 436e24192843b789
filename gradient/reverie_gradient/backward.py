"""Reverse-mode differentiation: visit the nodes in reverse order, apply one rule each, and sum where paths meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir as ir

from reverie_gradient.builder import Builder
from reverie_gradient.coverage import NO_GRADIENT, NO_GRADIENT_INPUTS, UNROLLED, UNSUPPORTED
from reverie_gradient.errors import GradientError, MissingRule, NotDifferentiable, Unrelated
from reverie_gradient.inference import infer_shapes
from reverie_gradient.known import Known
from reverie_gradient.nodes import bodies, inputs_of
from reverie_gradient.rules.quantised import QUANTISING
from reverie_gradient.table import RULES, Call, contradictions_reported, is_standard, name_of, operator_of
from reverie_gradient.term import Term

OLDEST_OPSET, NEWEST_OPSET = 13, 28


def add_gradient(graph: ir.Graph, *, of: ir.Value, wrt: Sequence[ir.Value], cotangent: ir.Value) -> list[ir.Value]:
    """Append to ``graph`` the nodes that compute the vector-Jacobian product of ``of``.

    Args:
        graph: Sorted, of opset 13 to 28. Its nodes keep their names; shapes that it does not state are inferred.
        of: The float value to differentiate.
        wrt: The float values to differentiate by: inputs, initializers or anything that ``of`` depends on.
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
    known = infer_shapes(graph)
    if cotangent.type is None:
        cotangent.type, cotangent.shape = of.type, of.shape
    for value in (of, *wrt, cotangent):
        if not _is_float(value):
            raise GradientError(f"{value.name!r} holds {value.dtype}, not floating-point numbers")
    if cotangent.dtype != of.dtype:
        raise GradientError(f"the cotangent holds {cotangent.dtype}, but {of.name!r} holds {of.dtype}; cast one")

    path, live = between(graph, wrt, of)
    if missing := _missing(path):
        raise MissingRule(missing, UNSUPPORTED | UNROLLED)

    builder = Builder(graph, "gradient", constant_nodes=True)
    grads = {of: _term(builder, cotangent)}
    for node in reversed(path):
        builder.scope = f"{name_of(node)}/gradient"
        for x, dx in _pull_back(builder, node, grads, live, opset, known):
            grads[x] = grads[x] + dx if x in grads else dx

    results = [grads[value].value for value in wrt]
    for value, result in zip(wrt, results, strict=True):
        if result is not cotangent:
            result.type, result.shape = value.type, value.shape
    builder.append(needed_for=results)
    return results


def _pull_back(
    builder: Builder, node: ir.Node, grads: dict[ir.Value, Term], live: set[ir.Value], opset: int, known: Known
) -> Iterator[tuple[ir.Value, Term]]:
    """Apply the rule of ``node``; yield each input that depends on ``wrt`` and the gradient that it receives."""
    dys = tuple(grads.get(v) for v in node.outputs)
    dtype = next(dy.dtype for dy in dys if dy is not None)
    call = Call(
        node,
        tuple(None if v is None else _as_real(builder, v, dtype, live) for v in node.inputs),
        tuple(_as_real(builder, v, dtype, live) for v in node.outputs),
        dys,
        opset,
        known,
    )
    with contradictions_reported(node):
        dxs = RULES[operator_of(node)](call)
    skipped = NO_GRADIENT_INPUTS.get(operator_of(node), ())
    for i, x in enumerate(node.inputs):
        if x is None or x not in live or i in skipped:
            continue
        dx = dxs[i] if i < len(dxs) else None
        if dx is None:
            raise NotDifferentiable(name_of(node), node.op_type, f"no gradient for its input {i} ({x.name!r})")
        yield x, dx


def between(graph: ir.Graph, wrt: Sequence[ir.Value], of: ir.Value) -> tuple[list[ir.Node], set[ir.Value]]:
    """Return the nodes on any differentiable path from ``wrt`` to ``of``, in order, and the values along them."""
    forward = set(wrt)
    reached = []
    for node in graph:
        if not _has_no_gradient(node) and not forward.isdisjoint(_inputs(node)):
            reached.append(node)
            forward.update(v for v in node.outputs if _carries(node, v, forward))

    needed = {of}
    path = []
    for node in reversed(reached):
        if not needed.isdisjoint(node.outputs):
            path.append(node)
            needed.update(v for v in _inputs(node) if v in forward)
    if lost := [v.name or "" for v in wrt if v not in needed]:
        raise Unrelated(of.name or "", lost)
    return path[::-1], forward & needed


def missing_rule(graph: ir.Graph, start: ir.Value) -> dict[ir.Node, str]:
    """Return the nodes without a gradient rule that a gradient with respect to ``start`` would pass.

    The reason may be "": then the operator is not one of ONNX's own. Nodes behind these are followed, too.
    """
    forward, found = {start}, dict[ir.Node, str]()
    for node in graph:
        if _has_no_gradient(node) or forward.isdisjoint(_inputs(node)):
            continue
        forward.update(v for v in node.outputs if _carries(node, v, forward))
        if operator_of(node) not in RULES:
            found[node] = (UNSUPPORTED | UNROLLED).get(operator_of(node), "")
    return found


def _missing(path: Sequence[ir.Node]) -> dict[str, list[str]]:
    missing: dict[str, list[str]] = {}
    for node in path:
        if operator_of(node) not in RULES:
            missing.setdefault(operator_of(node), []).append(name_of(node))
    return missing


def _inputs(node: ir.Node) -> Iterator[ir.Value]:
    """Yield what the outputs of a node depend on, including what the bodies of an If or Loop read from outside."""
    skipped = NO_GRADIENT_INPUTS.get(operator_of(node), ())
    yield from (v for i, v in enumerate(node.inputs) if v is not None and i not in skipped)
    if bodies(node):
        yield from inputs_of(node)


def _has_no_gradient(node: ir.Node) -> bool:
    return is_standard(node) and node.op_type in NO_GRADIENT


def _carries(node: ir.Node, output: ir.Value, forward: set[ir.Value]) -> bool:
    """Whether a gradient can pass an output of ``node``: floats, and integers that stand for quantised floats."""
    if _is_float(output):
        return True
    if output.dtype == ir.DataType.BOOL or (is_standard(node) and node.op_type == "Cast" and _is_float(node.inputs[0])):
        return False
    quantised = is_standard(node) and node.op_type in QUANTISING and output is node.outputs[0]
    return quantised or any(v in forward and not _is_float(v) for v in _inputs(node))


def _is_float(value: ir.Value | None) -> bool:
    """Whether ``value`` holds floating-point numbers, or may do so because its type is unknown."""
    return value is not None and (value.dtype is None or value.dtype.is_floating_point())


def _term(builder: Builder, value: ir.Value) -> Term:
    return Term(builder, value, value.dtype or ir.DataType.FLOAT)


def _as_real(builder: Builder, value: ir.Value, dtype: ir.DataType, live: set[ir.Value]) -> Term:
    """Return ``value`` as a term; integers that carry a gradient are cast to floats, which rules expect."""
    term = _term(builder, value)
    return term if value not in live or _is_float(value) else term.apply("Cast", to=int(dtype))
