"""Rules for operators that gather or scatter elements by indices.

Gradients are gathered: each element sums over the indices that refer to it. With indices that are known only at run
time, that is a comparison of each index with each place, which suits the sizes of image networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reverie_gradient.gathering import arange, elements_back, gather_back, not_negative, select_back
from reverie_gradient.shapes import elements, expand_like, reshape_like, reshape_to, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

Move = Callable[[Term], Term]

# ----- gathering -----


@vjp("GatherElements")
def _gather_elements(call: Call) -> Sequence[Term | None]:
    axis = call.integer("axis", 0) % call.x.rank
    return [elements_back(call.dy, call.input(1), axis, call.x, inside=True)]


@vjp("GatherND")
def _gather_nd(call: Call) -> Sequence[Term | None]:
    _, adjoint = _by_rows(call, call.integer("batch_dims", 0))
    return [adjoint(call.dy)]


@vjp("TopK")
def _top(call: Call) -> Sequence[Term | None]:
    """Pass the gradient of each value to the element that it was taken from."""
    index = call.outputs[1] if len(call.outputs) > 1 else None
    if index is None:
        raise call.refuse("it does not give its indices; name its second output")
    return [elements_back(call.dy, index, call.integer("axis", -1) % call.x.rank, call.x, inside=False)]


# ----- scattering -----


@vjp("ScatterElements")
def _scatter_elements(call: Call) -> Sequence[Term | None]:
    x, index = call.x, call.input(1)
    axis = call.integer("axis", 0) % x.rank
    flat = not_negative(index, sizes(x, [axis])) * elements(x, range(axis + 1, x.rank))
    for other in set(range(x.rank)) - {axis}:
        at = arange(sizes(index, [other])) * elements(x, range(other + 1, x.rank))
        if other < x.rank - 1:
            at = at.apply("Unsqueeze", np.arange(1, x.rank - other, dtype=np.int64))
        flat = flat + at

    def fetch(g: Term) -> Term:
        return g.apply("Reshape", [-1]).apply("Gather", flat)

    return _scatter(call, fetch, lambda g: elements_back(g, index, axis, x, inside=True))


@vjp("ScatterND")
def _scatter_nd(call: Call) -> Sequence[Term | None]:
    return _scatter(call, *_by_rows(call, 0))


def _scatter(call: Call, fetch: Move, adjoint: Move) -> Sequence[Term | None]:
    """Return the gradients of the data and of the updates.

    ``fetch`` picks the elements that the indices refer to from a tensor like the data; ``adjoint`` is the adjoint of
    that, from a tensor like the updates. If indices repeat without a reduction, ONNX does not define which update
    stays.
    """
    x, y, dy, updates = call.x, call.y, call.dy, call.input(2)
    how = call.string("reduction", "none")
    if how == "add":
        return [dy, None, fetch(dy)]
    if how == "none":
        written = adjoint(expand_like(updates.constant(1.0), updates)).apply("Greater", 0.0)
        return [written.apply("Where", dy.constant(0.0), dy), None, fetch(dy)]
    if how == "mul":
        return _multiplied(call, fetch, adjoint)
    kept = x.apply("Equal", y)
    taken = updates.apply("Equal", fetch(y))
    share = dy / (kept.apply("Cast", to=int(dy.dtype)) + adjoint(taken.apply("Cast", to=int(dy.dtype))))
    return [kept.apply("Where", share, 0.0), None, taken.apply("Where", fetch(share), 0.0)]


def _multiplied(call: Call, fetch: Move, adjoint: Move) -> Sequence[Term | None]:
    """Return dy times the product of all other factors of each place: y / x and y / u, unless one of them is zero.

    If one is zero, the product of the others comes from the sum of their logarithms and the number of their signs.
    """
    x, y, dy, u = call.x, call.y, call.dy, call.input(2)
    real = int(dy.dtype)
    zero_x, zero_u = (t.apply("Equal", 0.0).apply("Cast", to=real) for t in (x, u))
    zeros = zero_x + adjoint(zero_u)
    filled_x, filled_u = x + zero_x, u + zero_u
    negative = adjoint(filled_u.apply("Less", 0.0).apply("Cast", to=real))
    sign = 1 - 2 * (negative - 2 * (negative / 2).apply("Floor"))
    beside = adjoint(filled_u.apply("Abs").apply("Log")).apply("Exp") * sign * filled_x
    g = dy * zeros.apply("Equal", 0.0).apply("Where", y, beside)
    dx = (zeros - zero_x).apply("Equal", 0.0).apply("Where", g / filled_x, 0.0)
    du = (fetch(zeros) - zero_u).apply("Equal", 0.0).apply("Where", fetch(g) / filled_u, 0.0)
    return [dx, None, du]


# ----- indices of several axes as one number -----


def _by_rows(call: Call, batch: int) -> tuple[Move, Move]:
    """Return how to fetch the elements of indices into the axes after the first ``batch``, and the adjoint of that."""
    x, index = call.x, call.input(1)
    depth = static_dims(index, [index.rank - 1])
    if depth is None:
        raise call.refuse("the number of axes that its indices cover is not known; declare their shape")
    first = batch + depth[0]
    dims, chosen = static_dims(x, range(first)), call.constant(1)
    rows = elements(x, range(first))

    def back(g: Term) -> Term:
        g = _rows(g, x, first)
        if chosen is not None and dims is not None:
            flat = _flat(chosen, dims, batch)
            return reshape_like(gather_back(g, flat, 0, int(np.prod(dims)), 2), x)
        return reshape_like(select_back(g, _flat_at_run_time(call, batch, depth[0]), 0, rows, 2), x)

    def fetch(g: Term) -> Term:
        picked = _rows(g, x, first).apply("Gather", _flat_at_run_time(call, batch, depth[0]), axis=0)
        return reshape_like(picked, call.input(2))

    return fetch, back


def _flat(index: np.ndarray, dims: Sequence[int], batch: int) -> np.ndarray:
    """Number the rows that constant indices name."""
    depth = index.shape[-1]
    index = index.reshape(-1, depth) % np.array(dims[batch:])
    flat = index @ np.array([np.prod(dims[batch + k + 1 :], dtype=np.int64) for k in range(depth)], np.int64)
    groups = int(np.prod(dims[:batch]))
    each = np.arange(groups) * int(np.prod(dims[batch:]))
    return (flat.reshape(groups, -1) + each[:, None]).reshape(-1)


def _flat_at_run_time(call: Call, batch: int, depth: int) -> Term:
    x = call.x
    index = not_negative(call.input(1), sizes(x, range(batch, batch + depth)))
    first, *others = (elements(x, range(batch + k + 1, batch + depth)) for k in range(depth))
    strides = first.apply("Concat", *others, axis=0) if others else first
    flat = (index * strides).apply("ReduceSum", [-1], keepdims=0)
    if batch:
        groups = elements(x, range(batch))
        each = arange(groups) * elements(x, range(batch, batch + depth))
        flat = reshape_to(flat, [groups, -1]) + each.apply("Unsqueeze", [1])
    return flat.apply("Reshape", [-1])


def _rows(g: Term, x: Term, first: int) -> Term:
    """View ``g`` as a matrix whose rows hold all axes of ``x`` from ``first`` on."""
    rest = static_dims(x, range(first, x.rank))
    return reshape_to(g, [-1, elements(x, range(first, x.rank)) if rest is None else int(np.prod(rest))])
