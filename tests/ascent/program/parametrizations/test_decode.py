"""Decoding of states to pictures, compared with Lucid's formulas in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from reverie_ascent.program.decode import PARAMETRIZATIONS, decode, state_shape
from reverie_ascent.random import initial_state
from reverie_ascent.recipe import Parametrization
from reverie_proto.sizes import Size

from tests.ascent.exact import Exact, Numbers

# Even, odd and prime heights and widths, a single row and a single column.
SIZES = [
    (8, 8),
    (9, 9),
    (11, 11),
    (16, 16),
    (30, 30),
    (37, 37),
    (8, 30),
    (30, 9),
    (11, 16),
    (1, 1),
    (1, 12),
    (7, 1),
    (2, 3),
]

# What Lucid's spectrum of 128 or 224 pixels starts with, measured: the standard deviation of the decorrelated colours.
STARTS = [(128, 0.0185), (224, 0.0199)]

COLOUR = np.array(
    [[0.56282854, 0.19482528, 0.0432945], [0.5844758, 0, -0.10823626], [0.5844758, -0.19482528, 0.06494176]]
)


def lucid(state: Numbers, size: Size) -> Numbers:
    """Return the picture [3, H, W] of a state [3, 2 H, W // 2 + 1]."""
    height, width = size
    spectrum = state[:, :height] + 1j * state[:, height:]
    frequency = np.sqrt(np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None, :] ** 2)
    scale = 1 / np.maximum(frequency, 1 / max(width, height)) * np.sqrt(width * height)
    t = np.fft.irfft2(scale * spectrum, s=size) / 4
    picture: Numbers = 1 / (1 + np.exp(-np.einsum("rc,cyx->ryx", COLOUR, t)))
    return picture


def pixel(state: Numbers, size: Size) -> Numbers:
    assert state.shape == (3, *size)
    picture: Numbers = 1 / (1 + np.exp(-state))
    return picture


PICTURES: Mapping[Parametrization, Callable[[Numbers, Size], Numbers]] = {"fourier": lucid, "pixel": pixel}
CASES: list[tuple[Parametrization, Size]] = [(kind, size) for kind in PARAMETRIZATIONS for size in SIZES]


def states(kind: Parametrization, size: Size, batch: int) -> Numbers:
    return np.random.default_rng(size).standard_normal(state_shape(kind, size, batch))


def test_every_parametrization_has_an_oracle() -> None:
    assert PICTURES.keys() == PARAMETRIZATIONS.keys()


@pytest.mark.parametrize(("kind", "size"), CASES)
def test_a_picture_is_that_of_lucids_formulas(kind: Parametrization, size: Size) -> None:
    given = states(kind, size, 2)
    back = np.zeros((2, 3, *size))
    pictures = Exact(decode(kind, size, 2))({"state": given, "picture_gradient": back})["picture"]
    expected = np.stack([PICTURES[kind](state, size) for state in given])
    np.testing.assert_allclose(pictures, expected, atol=1e-6)


@pytest.mark.parametrize(("kind", "size"), CASES)
def test_the_backward_pass_of_a_picture_is_its_derivative(kind: Parametrization, size: Size) -> None:
    rng = np.random.default_rng(size)
    given, way = states(kind, size, 1), rng.standard_normal(state_shape(kind, size, 1))
    back = rng.standard_normal((1, 3, *size))
    run = Exact(decode(kind, size, 1))
    ahead, behind = (run({"state": given + s * 1e-5 * way, "picture_gradient": back})["picture"] for s in (1, -1))
    gradient = run({"state": given, "picture_gradient": back})["state_gradient"]
    np.testing.assert_allclose(np.vdot(gradient, way), np.vdot(back, ahead - behind) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(("side", "deviation"), STARTS)
def test_the_initial_noise_has_the_contrast_of_lucids(side: int, deviation: float) -> None:
    size = (side, side)
    state = initial_state(0, state_shape("fourier", size, 1)[1:]).astype(np.float64)
    picture = lucid(state, size)
    colours = np.linalg.solve(COLOUR, np.log(picture / (1 - picture)).reshape(3, -1))
    assert colours.std() == pytest.approx(deviation, rel=0.03)
