"""Jitter and scale along one axis as a matrix, whose transpose gives the gradient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import PAD, AxisSizes


def fill_resampling(
    matrix: npt.NDArray[np.float32], border: npt.NDArray[np.float32], sizes: AxisSizes, scaled: int, jitter: int
) -> None:
    """Fill ``matrix`` [M, S], which maps a picture to the canvas: pad, crop at ``jitter``, scale, place.

    The contribution of the padding does not depend on the picture, so it is not in the matrix. ``border`` [M, 2] holds
    whether a row of the canvas shows anything, and which share of it is picture.

    Scaling is tf.image.resize_bilinear as Lucid calls it: row i shows the position i * from / to, without half pixels,
    and the last row is repeated beyond the end.
    """
    position = np.arange(scaled) * (sizes.jittered / scaled)
    low = position.astype(np.int64)
    part = (position - low).astype(np.float32)
    rows = sizes.inset(scaled) + np.arange(scaled)
    matrix[:] = 0
    border[:] = 0
    border[rows, 0] = 1
    for source, weight in ((low, 1 - part), (np.minimum(low + 1, sizes.jittered - 1), part)):
        pixel = jitter + source - PAD
        inside = (pixel >= 0) & (pixel < sizes.size)
        matrix[rows[inside], pixel[inside]] += weight[inside]
        border[rows[inside], 1] += weight[inside]


def fill_identity(matrix: npt.NDArray[np.float32], border: npt.NDArray[np.float32], sizes: AxisSizes) -> None:
    """Fill both arrays so that the canvas shows the picture without padding, starting at its first row."""
    matrix[:] = 0
    border[:] = 0
    rows = np.arange(sizes.size)
    matrix[rows, rows] = 1
    border[rows] = 1
