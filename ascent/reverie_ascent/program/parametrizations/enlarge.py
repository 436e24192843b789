"""Matrices that enlarge rows, bilinearly or bicubically; columns use their transposes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

CUBIC = -0.75  # PyTorch's a


def enlarging(small: int, large: int, kind: str) -> Float:
    """Return the matrix [large, small] from rows to more rows, with half-pixel centres and repeated borders.

    ``kind`` is "linear" or "cubic", as ``align_corners=False`` in PyTorch.
    """
    position = (np.arange(large) + 0.5) * small / large - 0.5
    if kind == "linear":
        position = np.maximum(position, 0)
    low = np.floor(position).astype(np.int64)
    part = position - low
    taps = {0: 1 - part, 1: part} if kind == "linear" else {k: cubic(part - k) for k in (-1, 0, 1, 2)}
    matrix = np.zeros((large, small))
    for k, weight in taps.items():
        np.add.at(matrix, (np.arange(large), np.clip(low + k, 0, small - 1)), weight)
    return matrix


def cubic(distance: Float) -> Float:
    """Return Keys's cubic kernel at a distance."""
    x, a = np.abs(distance), CUBIC
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    made: Float = np.where(x <= 1, near, np.where(x < 2, far, 0))
    return made
