"""The sizes of a picture after each of Lucid's standard transforms.

    picture S -> pad 12 -> jitter 8 -> scale 0.9 to 1.1 -> rotate -> jitter 4 -> crop or pad to S

S is the height or the width: both go through the same sizes, independently of each other, with the same scale.

(optvis/transform.py: standard_transforms.) In Lucid the network then sees a picture whose size changes with every
step. Here it sees the middle S pixels, as in Lucid's recipes for networks of a fixed size (crop_or_pad_to).

The scaled picture has a size k that differs from step to step. It lies in the middle of a field of size L, so that it
rotates around the same point at every step. L is the largest k of the same parity, because the middles of an even and
an odd number of pixels differ by half a pixel. The field lies in a canvas of M whose last row and column stay empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from reverie_proto.sizes import Size

PAD, PAD_VALUE = 12, 0.5
JITTER, LAST_JITTER = 8, 4
SCALES = tuple(1 + (i - 5) / 50 for i in range(11))
ANGLES = (*range(-10, 11), 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class AxisSizes:
    """The sizes along one axis of a picture, of which ``size`` is the height or the width."""

    size: int

    @property
    def padded(self) -> int:
        """The size of the padded picture."""
        return self.size + 2 * PAD

    @property
    def jittered(self) -> int:
        """The size after the first jitter, which crops the padded picture."""
        return self.padded - JITTER

    @cached_property
    def scaled(self) -> tuple[int, ...]:
        """The size after scaling, for each scale, computed in float32 and truncated as TensorFlow does."""
        return tuple(int(np.float32(s) * np.float32(self.jittered)) for s in SCALES)

    @property
    def canvas(self) -> int:
        """M, the size of the canvas: the largest scaled size, and an empty row or column."""
        return max(self.scaled) + 1

    def field(self, scaled: int) -> int:
        """L, the size of the field for a scaled size."""
        return max(k for k in self.scaled if k % 2 == scaled % 2)

    def inset(self, scaled: int) -> int:
        """The row or column at which the scaled picture begins in its field."""
        return (self.field(scaled) - scaled) // 2

    def window(self, scaled: int, jitter: int) -> tuple[int, int, int]:
        """Return the row of the field at which the network's view begins, and the range of its rows that are not empty.

        ``jitter`` is the offset of the last jitter, 0 to 4. The range is given by its first row and the row after its
        last; the same for columns.
        """
        cropped = scaled - LAST_JITTER
        over = cropped - self.size
        begin = self.inset(scaled) + jitter + (over // 2 if over >= 0 else -(-over // 2))
        first = max(0, self.inset(scaled) + jitter - begin)
        return begin, first, min(self.size, first + cropped)


@dataclass(frozen=True)
class TransformSizes:
    """The sizes of a picture along both axes: ``rows`` for its height, ``columns`` for its width."""

    rows: AxisSizes
    columns: AxisSizes

    @classmethod
    def of(cls, size: Size) -> TransformSizes:
        """Return the sizes for a picture of a height and a width."""
        height, width = size
        return cls(AxisSizes(height), AxisSizes(width))

    @property
    def canvas(self) -> Size:
        """Height and width of the canvas."""
        return self.rows.canvas, self.columns.canvas
