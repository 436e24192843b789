"""Zeros at the end of a gradient, appended as late as possible.

Pooling that does not divide a size leaves a rim of inputs without a window. With free sizes the graph must provide for
it, and mostly in vain: once the sizes of a session are fixed, the rim is empty. ONNX Runtime then removes a Slice that
runs to the end of time, and merges a Pad into the convolution that reads it, but it keeps any other Pad, and reorders
the blocked layout around it. So masks move under the rim, until the Pad stands where it vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reverie_gradient.shapes import sizes, static_dims
from reverie_gradient.term import Term

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Rim:
    """How a tensor that windows tile completely lies inside the one they tile incompletely."""

    axes: tuple[int, ...]
    ends: Term | np.ndarray
    missing: Term | np.ndarray
    core: Term | None = None

    def cut(self, x: Term) -> Term:
        """Cut the rim off ``x``."""
        return x.apply("Slice", np.zeros(len(self.axes), np.int64), self.ends, np.array(self.axes, np.int64))

    def around(self, core: Term) -> Term:
        """Append the rim to ``core``, whose elements it leaves within reach of the next mask."""
        return replace(core.apply("Pad", self.missing, 0.0), rim=replace(self, core=core))


def rim_of(x: Term, y: Term, strides: Sequence[int], axes: tuple[int, ...]) -> Rim | None:
    """Return what windows side by side, ``strides`` wide, leave over of ``x``; None where it is known to be nothing."""
    known = static_dims(x, axes)
    before = np.zeros(x.rank, np.int64)
    if known is not None:
        rest = np.array(known) % strides
        if not rest.any():
            return None
        return Rim(axes, np.array(known) - rest, np.concatenate([before, before[:2], rest]))
    tiled = sizes(y, axes) * np.array(strides, np.int64)
    rest_ = sizes(x, axes) - tiled
    ends = rest_.apply("Greater", 0).apply("Where", tiled, rest_.constant(FOREVER))
    lead = rest_.constant(np.concatenate([before, before[:2]]))
    return Rim(axes, ends, lead.apply("Concat", rest_, axis=0))
