"""The sizes of a picture of S pixels after each of Lucid's standard transforms.

    picture S -> pad 12 -> jitter 8 -> scale 0.9 to 1.1 -> rotate -> jitter 4 -> crop or pad to S

(optvis/transform.py: standard_transforms.) In Lucid the network then sees a picture whose size changes with every
step. Here it sees the middle S pixels, as in Lucid's recipes for networks of a fixed size (crop_or_pad_to).

The scaled picture has a size k that differs from step to step. It lies in the middle of a field of size L, so that it
rotates around the same point at every step. L is the largest k of the same parity, because the middles of an even and
an odd number of pixels differ by half a pixel. The field lies in a canvas [M, M] whose last row and column stay empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

PAD, PAD_VALUE = 12, 0.5
JITTER, LAST_JITTER = 8, 4
SCALES = tuple(1 + (i - 5) / 50 for i in range(11))
ANGLES = (*range(-10, 11), 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class TransformSizes:
    """The sizes for a picture of one size."""

    size: int

    @property
    def padded(self) -> int:
        """The side of the padded picture."""
        return self.size + 2 * PAD

    @property
    def jittered(self) -> int:
        """The side after the first jitter, which crops the padded picture."""
        return self.padded - JITTER

    @cached_property
    def scaled(self) -> tuple[int, ...]:
        """The side after scaling, for each scale, computed in float32 and truncated as TensorFlow does."""
        return tuple(int(np.float32(s) * np.float32(self.jittered)) for s in SCALES)

    @property
    def canvas(self) -> int:
        """M, the side of the canvas: the largest scaled side, and an empty row and column."""
        return max(self.scaled) + 1

    def field(self, scaled: int) -> int:
        """L, the side of the field for a scaled side."""
        return max(k for k in self.scaled if k % 2 == scaled % 2)

    def inset(self, scaled: int) -> int:
        """The row and column at which the scaled picture begins in its field."""
        return (self.field(scaled) - scaled) // 2

    def window(self, scaled: int, jitter: int) -> tuple[int, int, int]:
        """Return the row of the field at which the network's view begins, and the range of its rows that are not empty.

        ``jitter`` is the offset of the last jitter, 0 to 4. The range is given by its first row and the row after its
        last. The same numbers apply to columns.
        """
        cropped = scaled - LAST_JITTER
        over = cropped - self.size
        begin = self.inset(scaled) + jitter + (over // 2 if over >= 0 else -(-over // 2))
        first = max(0, self.inset(scaled) + jitter - begin)
        return begin, first, min(self.size, first + cropped)
