"""The matrices of a fast convolution by the Cook-Toom algorithm (Lavin and Gray 2015, arXiv:1509.09308).

For m outputs of a convolution with 3 taps, from k = m + 2 inputs d and the taps g,

    y = A ((G g) * (B d))        A [m, k], G [k, 3], B [k, k]

needs k products instead of 3 m. Each of the first k - 1 is the product of two polynomials at a point; the last is the
product of their leading coefficients, the point at infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

TAPS = 3

POINTS: dict[int, tuple[float, ...]] = {2: (0, 1, -1), 4: (0, 1, -1, 2, -0.5), 6: (0, 1, -1, 2, -2, 0.5, -0.5)}
"""The points for each m. For m = 4, -1/2 instead of -2 has a smaller error in float32: 1.6e-6, not 2.5e-6 (L2)."""


@dataclass(frozen=True)
class Transforms:
    """The three matrices for m outputs."""

    output: Matrix
    kernel: Matrix
    input: Matrix


def transforms(m: int) -> Transforms:
    """Return the matrices for ``m`` outputs, a key of POINTS."""
    points, k = POINTS[m], m + TAPS - 1
    output, kernel, inputs = np.zeros((m, k)), np.zeros((k, TAPS)), np.zeros((k, k))
    for j, point in enumerate(points):
        others = [other for other in points if other != point]
        output[:, j] = np.power(point, np.arange(m))
        kernel[j] = np.power(point, np.arange(TAPS)) / np.prod([point - other for other in others])
        inputs[j, : k - 1] = np.poly(others)[::-1]
    output[m - 1, k - 1] = kernel[k - 1, TAPS - 1] = 1
    inputs[k - 1] = np.poly(points)[::-1]
    # Rows of similar magnitude keep the error of float32 small; powers of two do not change any mantissa.
    balance = np.exp2(np.round(np.log2(np.abs(inputs).max(axis=1, keepdims=True))))
    return Transforms(output, kernel * balance, inputs / balance)
