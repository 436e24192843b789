"""The relative distance of two arrays, and the scale that makes it one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def relative_error(found: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """``|found - expected| / |expected|`` in L2; 0 if both are zero, and infinity for anything that is not finite."""
    a = np.asarray(found, np.float64).ravel()
    b = np.asarray(expected, np.float64).ravel()
    if a.shape != b.shape:
        return float("inf")
    distance, length = float(np.linalg.norm(a - b)), float(np.linalg.norm(b))
    if not np.isfinite(distance) or not np.isfinite(length):
        return float("inf")
    if distance == 0:
        return 0.0
    return distance / length if length else float("inf")


def scale_of(array: npt.NDArray[np.floating]) -> float:
    """Return what to multiply an array by to bring it to length 1 in L2; 1 for an array of zeros."""
    return 1 / (float(np.linalg.norm(array.astype(np.float64))) or 1.0)
