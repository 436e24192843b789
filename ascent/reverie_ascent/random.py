"""All random numbers, each a pure function of (seed, step): independent of batch and machine.

Philox (Salmon et al. 2011) is keyed by seed and step, and counts from 0; step 0 draws the first state. Only its raw
numbers are used: numpy promises that these never change, and does not promise it of its distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import ANGLES, JITTER, LAST_JITTER, SCALES
from reverie_ascent.program.views import Draw

DEVIATION = 0.01  # of the first state: Lucid's


def initial_state(seed: int, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return one element's first state, normal numbers of mean 0 and standard deviation 0.01."""
    return (normal(seed, int(np.prod(shape))) * DEVIATION).astype(np.float32).reshape(shape)


def normal(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return standard normal numbers, by Box and Muller's formula from pairs of uniform ones."""
    half = -(-count // 2)
    uniform = (_raw(seed, 0, 2 * half) >> np.uint64(11)) * 2.0**-53
    radius = np.sqrt(-2 * np.log1p(-uniform[:half]))
    angle = 2 * np.pi * uniform[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def draw(seed: int, step: int) -> Draw:
    """Return the draws of the transforms at step 1, 2, ..."""
    # A remainder favours small numbers by less than 1e-17.
    ranges = (JITTER + 1, JITTER + 1, len(SCALES), len(ANGLES), LAST_JITTER + 1, LAST_JITTER + 1)
    top, left, scale, angle, last_top, last_left = (
        int(r % np.uint64(n)) for r, n in zip(_raw(seed, step, len(ranges)), ranges, strict=True)
    )
    return Draw((top, left), scale, ANGLES[angle], (last_top, last_left))


def _raw(seed: int, step: int, count: int) -> npt.NDArray[np.uint64]:
    raw: npt.NDArray[np.uint64] = np.random.Philox(key=[seed, step]).random_raw(count)
    return raw
