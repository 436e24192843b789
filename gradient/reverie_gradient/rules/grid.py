"""The rule for AffineGrid: the derivative of a sampling grid by the matrix of its transformation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.gathering import arange
from reverie_gradient.shapes import sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("AffineGrid")
def _affine_grid(call: Call) -> Sequence[Term | None]:
    """Differentiate y[n, place] = theta[n] (x, y, z, 1), or without z; coordinates run from -1 to 1, x is the last."""
    rank, dy = call.y.rank, call.dy
    spatial = np.arange(1, rank - 1, dtype=np.int64)
    columns = [dy.apply("ReduceSum", spatial, keepdims=0)]
    for axis in spatial:
        place = _coordinates(call, int(axis))
        behind = np.arange(1, rank - axis, dtype=np.int64)
        moved = dy * place.apply("Unsqueeze", behind)
        columns.insert(0, moved.apply("ReduceSum", spatial, keepdims=0))
    last = [2]
    first, *others = [column.apply("Unsqueeze", last) for column in columns]
    return [first.apply("Concat", *others, axis=2)]


def _coordinates(call: Call, axis: int) -> Term:
    """Return the coordinates along an axis; -1 and 1 are the ends of the picture, or its outermost centres."""
    n = sizes(call.y, [axis])
    index = arange(n).apply("Cast", to=int(call.dy.dtype))
    length = n.apply("Cast", to=int(call.dy.dtype))
    if call.integer("align_corners", 0):
        return index * 2 / (length - 1) - 1
    return (index * 2 + 1) / length - 1
