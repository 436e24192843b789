"""All random numbers of an ascent, each a pure function of (seed, step, view) that does not depend on batch or machine.

The generator is Philox (Salmon et al. 2011), keyed by the seed and the step, with a counter that starts at 0; step 0
draws the first state. Only its raw numbers are used, because numpy guarantees that they never change, but not its
distributions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


class Draws:
    """A sequence of random numbers for a seed and a step; those of every view and of every picture of a group differ.

    ``seed``, ``step``, ``view`` and ``picture`` are less than 2^32.
    """

    def __init__(self, seed: int, step: int, *, view: int = 0, picture: int = 0) -> None:
        self._generator = np.random.Philox(key=[seed | picture << 32, step | view << 32])

    def integer(self, count: int) -> int:
        """Return one of the numbers 0 to ``count`` - 1."""
        # The bias of the remainder towards small numbers is less than 1e-15.
        return int(self._raw(1)[0] % np.uint64(count))

    def uniform(self, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``."""
        return low + (high - low) * float(self.uniforms(1)[0])

    def normal(self) -> float:
        """Return a standard normal number."""
        return float(self.normals(1)[0])

    def uniforms(self, count: int) -> Float:
        """Return numbers [count] from 0 to less than 1."""
        shares: Float = (self._raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return shares

    def normals(self, count: int) -> Float:
        """Return standard normal numbers [count], by the Box-Muller transform of pairs of uniform ones."""
        half = -(-count // 2)
        uniform = self.uniforms(2 * half)
        radius = np.sqrt(-2 * np.log1p(-uniform[:half]))
        angle = 2 * np.pi * uniform[half:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def _raw(self, count: int) -> npt.NDArray[np.uint64]:
        raw: npt.NDArray[np.uint64] = self._generator.random_raw(count)
        return raw
