"""The zeros at the end of a gradient that belong to inputs without a window, appended as late as possible.

If the stride of a pool does not divide a size, the inputs that remain have no window and a gradient of zero. With free
sizes the graph must allow for such a remainder, although it is mostly empty once the sizes of a session are fixed. ONNX
Runtime then removes a Slice that takes everything and merges a Pad into the convolution that reads it, but it keeps any
other Pad and reorders the blocked layout around it. Masks are therefore applied before the Pad, so that a convolution
reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reverie_gradient.shapes import sizes, static_dims
from reverie_gradient.term import Term

TO_THE_END = np.iinfo(np.int64).max
NOTE = "reverie_gradient.remainder"  # in the metadata of a value that ends in a remainder


@dataclass(frozen=True)
class Remainder:
    """The part of a tensor that windows of a stride do not cover: ``ends`` of what they cover, and how much is left."""

    axes: tuple[int, ...]
    ends: Term | np.ndarray
    pads: Term | np.ndarray

    def cut(self, x: Term) -> Term:
        """Cut the remainder off ``x``."""
        return x.apply("Slice", np.zeros(len(self.axes), np.int64), self.ends, [*self.axes])

    def append(self, core: Term) -> Term:
        """Append zeros to ``core`` in place of the remainder; `padded` finds them again."""
        result = core.apply("Pad", self.pads, 0.0)
        result.value.meta[NOTE] = (self, core)
        return result


def padded(g: Term) -> tuple[Remainder, Term] | None:
    """Return the remainder that ``g`` ends in and what it was appended to, None if there is none."""
    remainder, core = g.value.meta.get(NOTE, (None, None))
    # Another gradient of the same graph may have made it; its terms belong to that one's builder.
    return (remainder, core) if core is not None and core.builder is g.builder else None


def remainder_of(x: Term, y: Term, strides: Sequence[int], axes: tuple[int, ...]) -> Remainder | None:
    """Return what adjacent windows, ``strides`` wide, leave over of ``x``; None if that is known to be nothing."""
    known = static_dims(x, axes)
    before = np.zeros(x.rank, np.int64)
    if known is not None:
        rest = np.array(known) % strides
        if not rest.any():
            return None
        return Remainder(axes, np.array(known) - rest, np.concatenate([before, before[:2], rest]))
    tiled = sizes(y, axes) * np.array(strides, np.int64)
    rest_ = sizes(x, axes) - tiled
    ends = rest_.apply("Greater", 0).apply("Where", tiled, rest_.constant(TO_THE_END))
    lead = rest_.constant(np.concatenate([before, before[:2]]))
    return Remainder(axes, ends, lead.apply("Concat", rest_, axis=0))
