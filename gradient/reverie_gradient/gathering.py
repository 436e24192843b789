"""The way back from picking elements along an axis, without scattering.

If y[k] = x[index[k]] then dx[n] is the sum of dy[k] over all k with index[k] = n: again a matter of picking.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_gradient.shapes import pad, sizes, static_dims
from reverie_gradient.term import Term


def gather_back(dy: Term, index: np.ndarray, axis: int, x: Term) -> Term:
    """Return dx for a constant ``index`` into ``axis`` of ``x``, whose size is known.

    ``dy`` has the shape of ``x`` but for that axis, where it has one element per index. For each n a table lists the k
    with index[k] = n, filled up with one more k that holds zero. It has as many columns as the most popular n has k; if
    that is wasteful, a product with the one-hot matrix takes its place.
    """
    (size,) = static_dims(x, [axis]) or ()
    times = np.bincount(index, minlength=size)
    most = max(int(times.max()), 1)
    if size * most > 8 * (len(index) + size):
        return multiply_along(dy, dy.constant(np.eye(size)[index]), axis, x.rank)
    order = np.argsort(index, kind="stable")
    column = np.arange(len(index)) - np.repeat(np.cumsum(times) - times, times)
    table = np.full((size, most), len(index), np.int64)
    table[index[order], column] = order
    if times.min() < most:
        end = [int(a == axis) for a in range(x.rank)]
        dy = pad(dy, [0] * x.rank, end)
    if most == 1:
        return dy.apply("Gather", table[:, 0], axis=axis)
    return dy.apply("Gather", table, axis=axis).apply("ReduceSum", np.array([axis + 1], np.int64), keepdims=0)


def select_back(dy: Term, index: Term, axis: int, x: Term) -> Term:
    """Return dx of the shape of ``x`` for an ``index`` that is known only at run time."""
    size = sizes(x, [axis])
    index = index.apply("Cast", to=int(ir.DataType.INT64))
    index = index.apply("Less", 0).apply("Where", index + size, index)
    zero = index.constant(0)
    every = zero.apply("Range", size.apply("Squeeze"), index.constant(1))
    hit = index.apply("Unsqueeze", np.array([1], np.int64)).apply("Equal", every)
    return multiply_along(dy, hit.apply("Cast", to=int(dy.dtype)), axis, x.rank)


def multiply_along(dy: Term, matrix: Term, axis: int, rank: int) -> Term:
    """Multiply ``dy`` along ``axis`` by a matrix of one row per element of that axis."""
    if axis == rank - 1:
        return dy @ matrix
    if axis == rank - 2:
        return matrix.apply("Transpose", perm=[1, 0]) @ dy
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    return (dy.apply("Transpose", perm=swap) @ matrix).apply("Transpose", perm=swap)
