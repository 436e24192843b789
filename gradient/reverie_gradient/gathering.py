"""Gradients of picking elements along an axis, without scattering.

If y[k] = x[index[k]] then dx[n] is the sum of dy[k] over all k with index[k] = n, which is picking again.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_gradient.shapes import pad, shape_of, sizes, static_dims
from reverie_gradient.term import Term


def gather_back(dy: Term, index: np.ndarray, axis: int, size: int, rank: int) -> Term:
    """Return dx for a constant ``index`` into ``axis`` of an x of that size and rank.

    ``dy`` has the shape of x but for that axis, where it has one element per index. For each n a table lists the k with
    index[k] = n, filled up with one more k that holds zero. It has as many columns as the most frequent n has k; if
    that is wasteful, a product with the one-hot matrix is used instead.
    """
    times = np.bincount(index, minlength=size)
    most = max(int(times.max()), 1)
    if size * most > 8 * (len(index) + size):
        return multiply_along(dy, dy.constant(np.eye(size)[index]), axis, rank)
    order = np.argsort(index, kind="stable")
    column = np.arange(len(index)) - np.repeat(np.cumsum(times) - times, times)
    table = np.full((size, most), len(index), np.int64)
    table[index[order], column] = order
    if times.min() < most:
        end = [int(a == axis) for a in range(rank)]
        dy = pad(dy, [0] * rank, end)
    if most == 1:
        return dy.apply("Gather", table[:, 0], axis=axis)
    return dy.apply("Gather", table, axis=axis).apply("ReduceSum", [axis + 1], keepdims=0)


def select_back(dy: Term, index: Term, axis: int, size: Term, rank: int) -> Term:
    """Return dx for an ``index`` into ``axis`` that is known only at run time; ``size`` is a vector of one number."""
    index = not_negative(index, size)
    hit = index.apply("Unsqueeze", [1]).apply("Equal", arange(size))
    return multiply_along(dy, hit.apply("Cast", to=int(dy.dtype)), axis, rank)


def elements_back(dy: Term, index: Term, axis: int, x: Term, *, inside: bool) -> Term:
    """Return dx for y[.., k, ..] = x[.., index[.., k, ..], ..], each line along ``axis`` with indices of its own.

    ``inside`` says that the other axes of ``index`` may be shorter than those of ``x``.
    """
    size = sizes(x, [axis])
    row = not_negative(index, size).apply("Unsqueeze", [axis])
    column = arange(size).apply("Unsqueeze", np.arange(1, x.rank - axis + 1, dtype=np.int64))
    dx = row.apply("Equal", column).apply("Where", dy.apply("Unsqueeze", [axis]), 0.0)
    dx = dx.apply("ReduceSum", [axis + 1], keepdims=0)
    if not inside:
        return dx
    have, want = static_dims(index), static_dims(x)
    if have is not None and want is not None:
        return pad(
            dx, [0] * x.rank, [w - h if a != axis else 0 for a, (h, w) in enumerate(zip(have, want, strict=True))]
        )
    after = shape_of(x) - dx.apply("Shape")
    return dx.apply("Pad", after.constant(np.zeros(x.rank)).apply("Concat", after, axis=0), 0.0)


def not_negative(index: Term, size: Term) -> Term:
    """Count indices below zero from the end."""
    index = index.apply("Cast", to=int(ir.DataType.INT64))
    return index.apply("Less", 0).apply("Where", index + size, index)


def arange(size: Term) -> Term:
    """Return 0, 1, ... up to a size, which is a vector of one number."""
    return size.constant(np.int64(0)).apply("Range", size.apply("Squeeze"), size.constant(np.int64(1)))


def multiply_along(dy: Term, matrix: Term, axis: int, rank: int) -> Term:
    """Multiply ``dy`` along ``axis`` by a matrix of one row per element of that axis."""
    if axis == rank - 1:
        return dy @ matrix
    if axis == rank - 2:
        return matrix.apply("Transpose", perm=[1, 0]) @ dy
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    return (dy.apply("Transpose", perm=swap) @ matrix).apply("Transpose", perm=swap)
