"""Rules for operators that only rearrange elements: their gradients rearrange them back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.shapes import reshape_like, reshape_to, shape_of, sizes, sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("Flatten", "Reshape", "Squeeze", "Unsqueeze")
def _reshape(call: Call) -> Sequence[Term | None]:
    return [reshape_like(call.dy, call.x)]


@vjp("Transpose")
def _transpose(call: Call) -> Sequence[Term | None]:
    perm = call.integers("perm") or tuple(reversed(range(call.x.rank)))
    return [call.dy.apply("Transpose", perm=[int(i) for i in np.argsort(perm)])]


@vjp("Expand")
def _expand(call: Call) -> Sequence[Term | None]:
    return [sum_to(call.dy, call.y.dims, call.x)]


@vjp("Tile")
def _tile(call: Call) -> Sequence[Term | None]:
    """Give the copies axes of their own, and sum over those."""
    x, repeats = call.x, call.input(1)
    pair = [1]
    each = repeats.apply("Unsqueeze", pair).apply("Concat", shape_of(x).apply("Unsqueeze", pair), axis=1)
    split = call.dy.apply("Reshape", each.apply("Reshape", [-1]))
    return [split.apply("ReduceSum", np.arange(0, 2 * x.rank, 2), keepdims=0)]


@vjp("DepthToSpace")
def _depth_to_space(call: Call) -> Sequence[Term | None]:
    b = call.integer("blocksize", 0)
    perm = [0, 3, 5, 1, 2, 4] if call.string("mode", "DCR") == "DCR" else [0, 1, 3, 5, 2, 4]
    blocks = reshape_to(call.dy, [0, _size(call.y, 1), _size(call.x, 2), b, _size(call.x, 3), b])
    return [reshape_like(blocks.apply("Transpose", perm=perm), call.x)]


@vjp("SpaceToDepth")
def _space_to_depth(call: Call) -> Sequence[Term | None]:
    b = call.integer("blocksize", 0)
    blocks = reshape_to(call.dy, [0, b, b, _size(call.x, 1), _size(call.y, 2), _size(call.y, 3)])
    return [reshape_like(blocks.apply("Transpose", perm=[0, 3, 4, 1, 5, 2]), call.x)]


def _size(x: Term, axis: int) -> int | Term:
    size = x.dims[axis]
    return size if isinstance(size, int) else sizes(x, [axis])
