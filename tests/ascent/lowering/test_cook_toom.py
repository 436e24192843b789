"""The Cook-Toom matrices, compared with a direct convolution."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_ascent.lowering.cook_toom import POINTS, TAPS, transforms


@pytest.mark.parametrize("m", POINTS)
def test_the_matrices_compute_a_convolution(m: int) -> None:
    rng = np.random.default_rng(m)
    inputs, taps = rng.standard_normal(m + TAPS - 1), rng.standard_normal(TAPS)
    t = transforms(m)
    fast = t.output @ ((t.kernel @ taps) * (t.input @ inputs))
    np.testing.assert_allclose(fast, np.correlate(inputs, taps, mode="valid"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("m", POINTS)
def test_a_bias_can_be_added_at_the_second_point(m: int) -> None:
    assert np.array_equal(transforms(m).output[:, 1], np.ones(m))
