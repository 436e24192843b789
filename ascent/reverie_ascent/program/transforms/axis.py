"""The steps of a list of transforms along one axis of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reverie_ascent.program.transforms.taps import Taps, Weight, moved


@dataclass
class Line:
    """The rows (or columns) of what a stage has made so far of its input.

    ``taps`` leads from the rows of the stage's input. Of each constant border that was added, ``borders``, [2 P, rows],
    holds for every row which share of it shows anything, and which share shows the picture rather than the border.
    """

    taps: Taps
    borders: Weight | None = None

    @classmethod
    def of(cls, begin: int, size: int) -> Line:
        """Return the rows ``begin`` to ``begin + size`` of the stage's input."""
        return cls(moved(begin + np.arange(size)))

    @property
    def size(self) -> int:
        """The number of rows."""
        return self.taps.count

    def apply(self, step: Taps) -> None:
        """Apply a row operator."""
        self.taps = step.after(self.taps)
        if self.borders is not None:
            self.borders = step(self.borders)

    def add_border(self, step: Taps) -> None:
        """Apply an operator whose rows of zeros get a constant."""
        self.apply(step)
        border = np.ones((2, self.size), np.float32)
        if step.outside is not None:
            border[1, step.outside[0]] = 0
        self.borders = border if self.borders is None else np.concatenate([self.borders, border])

    def fill(self, matrix: Weight, border: Weight | None, begin: int) -> None:
        """Fill the matrix of the axis, [M, rows of the input], and [M, 2 P] with the shares of the borders."""
        matrix[:] = 0
        self.taps.add_to(matrix, begin)
        if border is not None:
            assert self.borders is not None, "the stage has room for borders, and none was added"
            border[:] = 0
            border[begin : begin + self.size] = self.borders.T


@dataclass(frozen=True)
class Sizes:
    """The sizes that the picture may have along an axis after some transforms, in ascending order."""

    all: tuple[int, ...]

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Sizes:
        """Return the sizes in order, each once."""
        return cls(tuple(sorted(set(sizes))))

    @property
    def least(self) -> int:
        """The smallest size."""
        return self.all[0]

    @property
    def most(self) -> int:
        """The largest size."""
        return self.all[-1]

    def field(self, size: int) -> int:
        """The largest size of the same parity: the middles of an even and an odd number of rows differ by half a row.

        A picture in the middle of a field of this size turns around the same point whatever its size is.
        """
        return max(k for k in self.all if k % 2 == size % 2)

    @lru_cache(256)  # noqa: B019 - of a frozen value, and bounded
    def inset(self, size: int) -> int:
        """The row at which a picture begins in the middle of its field."""
        return (self.field(size) - size) // 2


def scaled(size: int, factor: float, sampling: str) -> int:
    """Return a size times a factor: rounded down in float32 as TensorFlow does, or up as Lucent does; at least 1."""
    product = np.float32(factor) * np.float32(size)
    return max(1, math.ceil(product) if sampling == "align_corners" else int(product))
