"""Regions of a layer: which positions count, and how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of the height and the width; positions whose centre lies inside count equally.

    A centre on the bottom or right edge lies outside, so boxes side by side share no position.
    """

    top: float
    left: float
    bottom: float
    right: float

    def of_positions(self, height: int, width: int) -> Weights:
        """Return the weights [height, width] of a layer's positions: 1 inside and 0 outside."""
        y, x = _centres(height), _centres(width)
        inside = ((self.top <= y) & (y < self.bottom))[:, None] & ((self.left <= x) & (x < self.right))[None, :]
        return inside.astype(np.float64)


@dataclass(frozen=True)
class Mask:
    """Weights of positions, row by row; a position of the layer takes that of the cell in which its centre lies."""

    height: int
    width: int
    weights: tuple[float, ...]

    def of_positions(self, height: int, width: int) -> Weights:
        """Return the weights [height, width] of a layer's positions."""
        cells = np.array(self.weights, np.float64).reshape(self.height, self.width)
        rows = (_centres(height) * self.height).astype(np.int64)
        columns = (_centres(width) * self.width).astype(np.int64)
        chosen: Weights = cells[rows[:, None], columns[None, :]]
        return chosen


def _centres(count: int) -> Weights:
    return (np.arange(count) + 0.5) / count
