"""Jitter and scale along one axis as a matrix; its transpose is the way back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import PAD, TransformSizes


def fill_resampling(
    matrix: npt.NDArray[np.float32], border: npt.NDArray[np.float32], sizes: TransformSizes, scaled: int, jitter: int
) -> None:
    """Fill ``matrix`` [M, S], which takes a picture to the canvas: pad, crop at ``jitter``, scale, place.

    What the padding brings to the canvas is no product with the picture. ``border`` [M, 2] tells whether a row shows
    anything, and how much of that is picture.

    Scaling is tf.image.resize_bilinear as Lucid calls it: row i shows the place i * from / to, without half pixels,
    and beyond the last row that row again.
    """
    place = np.arange(scaled) * (sizes.jittered / scaled)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    rows = sizes.inset(scaled) + np.arange(scaled)
    matrix[:] = 0
    border[:] = 0
    border[rows, 0] = 1
    for source, weight in ((low, 1 - part), (np.minimum(low + 1, sizes.jittered - 1), part)):
        pixel = jitter + source - PAD
        inside = (pixel >= 0) & (pixel < sizes.size)
        matrix[rows[inside], pixel[inside]] += weight[inside]
        border[rows[inside], 1] += weight[inside]


def fill_identity(matrix: npt.NDArray[np.float32], border: npt.NDArray[np.float32], sizes: TransformSizes) -> None:
    """Fill both so that the canvas shows the picture itself, without its padding, from its first row."""
    matrix[:] = 0
    border[:] = 0
    rows = np.arange(sizes.size)
    matrix[rows, rows] = 1
    border[rows] = 1
