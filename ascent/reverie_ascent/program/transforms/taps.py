"""Row operators: each row of the result is a weighted sum of a few rows of the source.

A separable transform is one such operator for the rows of a picture and one for its columns. Operators are composed on
the host, so that a list of them becomes one matrix for each axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.parametrizations.enlarge import cubic
from reverie_ascent.recipe.transform import Interpolation, Sampling

Index = npt.NDArray[np.int64]
Weight = npt.NDArray[np.float32]


#: Windows and sizes come again from step to step; each table has at most a row for each pixel of a side.
MOST_KEPT = 256


@dataclass(frozen=True)
class Taps:
    """Row i of the result is the sum over t of ``weights[t, i]`` times row ``rows[t, i]`` of the source.

    A row of -1 stands for zeros. Without ``weights`` there is one tap, and all weights are 1.
    """

    rows: Index
    weights: Weight | None = None

    @property
    def count(self) -> int:
        """The number of rows of the result."""
        return int(self.rows.shape[1])

    @cached_property
    def outside(self) -> npt.NDArray[np.bool_] | None:
        """Which taps are zeros; None if none is."""
        outside: npt.NDArray[np.bool_] = self.rows < 0
        return outside if outside.any() else None

    def after(self, first: Taps) -> Taps:
        """Return the operator that does ``first`` and then this one."""
        rows = first.rows[:, self.rows]
        if self.outside is not None:
            rows[:, self.outside] = -1
        if first.weights is None:
            return Taps(rows[0], self.weights)
        weights = first.weights[:, self.rows]
        if self.weights is not None:
            weights *= self.weights
        return Taps(rows.reshape(-1, self.count), weights.reshape(-1, self.count))

    def __call__(self, vectors: Weight) -> Weight:
        """Return the results, [P, rows], for P sources of single numbers, [P, rows of the source]."""
        seen = vectors[:, self.rows]
        if self.outside is not None:
            seen[:, self.outside] = 0
        if self.weights is not None:
            seen *= self.weights
        total: Weight = seen[:, 0]
        for tap in range(1, len(self.rows)):
            total += seen[:, tap]
        return total

    def add_to(self, matrix: Weight, begin: int) -> None:
        """Add the operator to a matrix of zeros, its first row at ``begin``."""
        into = begin + np.arange(self.count)
        for tap, rows in enumerate(self.rows):
            weights = np.ones(self.count, np.float32) if self.weights is None else self.weights[tap]
            if self.outside is not None:
                weights = np.where(self.outside[tap], np.float32(0), weights)
            if tap == 0:
                matrix[into, rows] = weights
            else:
                matrix[into, rows] += weights


def moved(rows: npt.ArrayLike) -> Taps:
    """Return the operator whose row i is a row of the source, -1 for zeros."""
    return Taps(np.asarray(rows, np.int64)[None])


@lru_cache(MOST_KEPT)
def window(size: int, begin: int, count: int) -> Taps:
    """Return the rows ``begin`` to ``begin + count`` of a source of ``size`` rows, zeros outside of it."""
    rows = begin + np.arange(count)
    return moved(np.where((rows >= 0) & (rows < size), rows, -1))


def reflected(size: int, px: int) -> Taps:
    """Return a source with ``px`` rows mirrored at both ends."""
    rows = np.abs(np.arange(-px, size + px))
    return moved(np.where(rows >= size, 2 * (size - 1) - rows, rows))


@lru_cache(MOST_KEPT)
def resized(size: int, count: int, sampling: Sampling, interpolation: Interpolation) -> Taps:
    """Return a source of ``size`` rows resized to ``count``; beyond the ends the outermost rows are repeated."""
    rows = np.arange(count, dtype=np.float64)
    if sampling == "legacy":
        position = rows * (size / count)
    elif sampling == "half_pixel":
        position = (rows + 0.5) * (size / count) - 0.5
    else:
        position = rows * ((size - 1) / max(1, count - 1))
    return sampled(position, size, sampling, interpolation)


def sampled(position: npt.NDArray[np.float64], size: int, sampling: Sampling, interpolation: Interpolation) -> Taps:
    """Return the operator that shows the source at positions."""
    last = size - 1
    if interpolation == "nearest":
        nearest = np.floor(position if sampling == "legacy" else position + 0.5).astype(np.int64)
        return moved(np.clip(nearest, 0, last))
    if interpolation == "bilinear":
        position = np.maximum(position, 0)
    low = position.astype(np.int64) if interpolation == "bilinear" else np.floor(position).astype(np.int64)
    part = position - low
    if interpolation == "bicubic":
        taps = [(low + k, cubic(part - k).astype(np.float32)) for k in (-1, 0, 1, 2)]
    else:
        single = part.astype(np.float32)
        taps = [(low, 1 - single), (low + 1, single)]
    return Taps(np.stack([np.clip(row, 0, last) for row, _ in taps]), np.stack([weight for _, weight in taps]))


def blurred(size: int, deviation: float, kernel: int) -> Taps:
    """Return the source blurred by a Gaussian of ``kernel`` rows whose sum is 1; outside the source is 0."""
    distance = np.arange(kernel) - kernel // 2
    weights = np.exp(-(distance**2) / (2 * deviation**2))
    rows = np.arange(size)[None] + distance[:, None]
    inside = (rows >= 0) & (rows < size)
    spread = np.broadcast_to((weights / weights.sum()).astype(np.float32)[:, None], rows.shape)
    return Taps(np.where(inside, rows, -1), spread)


def smoothed(size: int, count: int) -> npt.NDArray[np.float32]:
    """Return the matrix [count, size] that resizes bilinearly with half-pixel centres, smoothed when it shrinks."""
    ratio = size / count
    reach = max(1.0, ratio)
    centre = (np.arange(count) + 0.5) * ratio - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(size)[None] - centre[:, None]) / reach)
    matrix: npt.NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix
