"""Rules for cumulative sums and products, triangular matrices, ranges and one-hot vectors.

A cumulative sum is a product with a triangular matrix of ones. That is the comparison of two ranges, which runtimes
fold where sizes are known.
"""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.gathering import arange, multiply_along, not_negative
from reverie_gradient.shapes import sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("CumSum")
def _running_sum(call: Call) -> Sequence[Term | None]:
    axis = _axis(call)
    sums = _comparison(call, call.integer("reverse", 0), call.integer("exclusive", 0), axis)
    return [multiply_along(call.dy, sums.apply("Cast", to=int(call.x.dtype)), axis, call.x.rank)]


def _comparison(call: Call, reverse: int, exclusive: int, axis: int) -> Term:
    """Return a square matrix of Booleans: whether output i contains input j."""
    n = sizes(call.x, [axis])
    i, j = arange(n), arange(n)
    i = i.apply("Unsqueeze", [1])
    if exclusive:
        return i.apply("Less" if reverse else "Greater", j)
    return i.apply("Greater" if reverse else "Less", j).apply("Not")


def _axis(call: Call) -> int:
    axis = call.constant(1)
    if axis is None:
        raise call.refuse("its axis is computed at run time; make it a constant")
    return int(axis.item()) % call.x.rank


@vjp("CumProd")
def _running_product(call: Call) -> Sequence[Term | None]:
    """Sum dy y / x over the outputs that contain x; at the first zero, sum dy times the products of the others.

    After the first zero every product is zero, so those without it cannot be computed from ``y``: each is multiplied
    again, from a matrix of its factors and ones.
    """
    axis, x, dy = _axis(call), call.x, call.dy
    reverse, exclusive = call.integer("reverse", 0), call.integer("exclusive", 0)
    contains = _comparison(call, reverse, exclusive, axis)
    sums = contains.apply("Cast", to=int(x.dtype))
    order = _comparison(call, 1 - reverse, 0, axis).apply("Cast", to=int(x.dtype))

    zero = x.apply("Equal", 0.0)
    zeros = multiply_along(zero.apply("Cast", to=int(x.dtype)), order, axis, x.rank)  # up to here
    first = zero.apply("And", zeros.apply("Equal", 1.0))
    filled = first.apply("Where", x.constant(1.0), x)
    if behind := list(range(2, 1 + x.rank - axis)):
        contains = contains.apply("Unsqueeze", behind)
    factors = contains.apply("Where", filled.apply("Unsqueeze", [axis]), 1.0)
    products = factors.apply("ReduceProd", [axis + 1], keepdims=0)
    at_zero = multiply_along(dy * products, sums, axis, x.rank)
    safe = zero.apply("Where", x.constant(1.0), x)
    before = multiply_along(dy * call.y, sums, axis, x.rank) / safe
    rest = zeros.apply("Equal", 0.0).apply("Where", before, 0.0)
    return [first.apply("Where", at_zero, rest)]


@vjp("Trilu")
def _triangle(call: Call) -> Sequence[Term | None]:
    rank = call.x.rank
    i, j = (arange(sizes(call.x, [axis])) for axis in (rank - 2, rank - 1))
    if call.has(1):
        j = j - call.input(1)
    i = i.apply("Unsqueeze", [1])
    outside = i.apply("Greater" if call.integer("upper", 1) else "Less", j)
    return [outside.apply("Where", call.dy.constant(0.0), call.dy)]


@vjp("Range")
def _row(call: Call) -> Sequence[Term | None]:
    """Differentiate y[k] = start + k delta; the limit affects only their number."""
    place = arange(sizes(call.y, [0])).apply("Cast", to=int(call.dy.dtype))
    dstart, ddelta = (t.apply("ReduceSum", keepdims=0) for t in (call.dy, call.dy * place))
    return [dstart, None, ddelta]


@vjp("OneHot")
def _one_hot(call: Call) -> Sequence[Term | None]:
    """Sum the gradient over the places of the off value and over those of the on value; indices are integers."""
    axis = call.integer("axis", -1) % call.y.rank
    n = sizes(call.y, [axis])
    index = not_negative(call.input(0), n).apply("Unsqueeze", [axis])
    place = arange(n)
    if behind := list(range(1, call.y.rank - axis)):
        place = place.apply("Unsqueeze", behind)
    hot = index.apply("Equal", place).apply("Where", call.dy, 0.0).apply("ReduceSum", keepdims=1)
    cold = call.dy.apply("ReduceSum", keepdims=1) - hot
    one = [-1]
    return [None, None, cold.apply("Reshape", one).apply("Concat", hot.apply("Reshape", one), axis=0)]
