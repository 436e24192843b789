"""Jitter and scale along one axis as a matrix; its transpose is the way back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reverie_server.program.geometry import PAD, Geometry


def fill_resampling(matrix: npt.NDArray[np.float32], geometry: Geometry, scaled: int, jitter: int) -> None:
    """Fill ``matrix`` [M, padded], which takes a padded picture to the canvas: crop at ``jitter``, scale, place.

    Scaling is tf.image.resize_bilinear as Lucid calls it: row i shows the place i * from / to, without half pixels,
    and beyond the last row that row again.
    """
    place = np.arange(scaled) * (geometry.jittered / scaled)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, geometry.jittered - 1)
    part = (place - low).astype(np.float32)
    rows = geometry.inset(scaled) + np.arange(scaled)
    matrix[:] = 0
    matrix[rows, jitter + low] = 1 - part
    matrix[rows, jitter + high] += part


def fill_identity(matrix: npt.NDArray[np.float32], geometry: Geometry) -> None:
    """Fill ``matrix`` so that the canvas shows the picture itself, without its padding, from its first row."""
    matrix[:] = 0
    rows = np.arange(geometry.size)
    matrix[rows, PAD + rows] = 1
