"""All random numbers of an ascent, each a pure function of (seed, step) that does not depend on batch or machine.

The generator is Philox (Salmon et al. 2011), keyed by seed and step, with a counter that starts at 0; step 0 draws the
first state. Only its raw numbers are used, because numpy guarantees that they never change, but not its distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import ANGLES, JITTER, LAST_JITTER, SCALES
from reverie_ascent.program.views import Draw

DEVIATION = 0.01  # Lucid's standard deviation of the first state


def initial_state(seed: int, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return the first state of one element: normal random numbers with mean 0 and standard deviation 0.01."""
    return (normal(seed, int(np.prod(shape))) * DEVIATION).astype(np.float32).reshape(shape)


def normal(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return standard normal random numbers, by the Box-Muller transform of pairs of uniform ones."""
    half = -(-count // 2)
    uniform = (_raw(seed, 0, 2 * half) >> np.uint64(11)) * 2.0**-53
    radius = np.sqrt(-2 * np.log1p(-uniform[:half]))
    angle = 2 * np.pi * uniform[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def draw(seed: int, step: int) -> Draw:
    """Return the random parameters of the transforms at step 1, 2, ..."""
    # The bias of the remainder towards small numbers is less than 1e-17.
    ranges = (JITTER + 1, JITTER + 1, len(SCALES), len(ANGLES), LAST_JITTER + 1, LAST_JITTER + 1)
    top, left, scale, angle, last_top, last_left = (
        int(r % np.uint64(n)) for r, n in zip(_raw(seed, step, len(ranges)), ranges, strict=True)
    )
    return Draw((top, left), scale, ANGLES[angle], (last_top, last_left))


def _raw(seed: int, step: int, count: int) -> npt.NDArray[np.uint64]:
    raw: npt.NDArray[np.uint64] = np.random.Philox(key=[seed, step]).random_raw(count)
    return raw
