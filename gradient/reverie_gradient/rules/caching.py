"""The rule for TensorScatter, which writes new elements into a cache, at a position for each element of the batch."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.gathering import arange
from reverie_gradient.shapes import elements, reshape_like, reshape_to, sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("TensorScatter")
def _write(call: Call) -> Sequence[Term | None]:
    """Pass to the update the gradient of what was written, and to the cache that of the rest.

    Whether update k is at position s of the cache is a matrix of zeros and ones for each element of the batch.
    """
    x, update = call.x, call.input(1)
    axis = call.integer("axis", -2) % x.rank
    length = sizes(x, [axis])
    at = arange(sizes(update, [axis])).apply("Unsqueeze", [0])
    if call.has(2):
        at = at + call.input(2).apply("Unsqueeze", [1])
    if call.string("mode", "linear") == "circular":
        at = at - at / length * length
    wrote = at.apply("Unsqueeze", [1, 3]).apply("Equal", arange(length))
    wrote = wrote.apply("Cast", to=int(call.dy.dtype))  # [batch, 1, update, cache]

    around = (elements(x, range(1, axis)), length, elements(x, range(axis + 1, x.rank)))
    dy = reshape_to(call.dy, [0, *around])
    kept = 1 - wrote.apply("ReduceSum", [2], keepdims=0)
    dx = dy * kept.apply("Unsqueeze", [3])
    return [reshape_like(dx, x), reshape_like(wrote @ dy, update)]
