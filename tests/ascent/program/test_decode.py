"""Decoding of states to pictures, compared with Lucid's formulas in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from reverie_ascent.program.decode import PARAMETRIZATIONS, decode, state_shape
from reverie_ascent.random import initial_state
from reverie_ascent.recipe import Parametrization

from tests.ascent.exact import Exact, Numbers

# Even, odd and prime sizes, from the smallest that the tiny model supports.
SIZES = [8, 9, 11, 16, 30, 37]

# What Lucid's spectrum of 128 or 224 pixels starts with, measured: the standard deviation of the decorrelated colours.
STARTS = [(128, 0.0185), (224, 0.0199)]

COLOUR = np.array(
    [[0.56282854, 0.19482528, 0.0432945], [0.5844758, 0, -0.10823626], [0.5844758, -0.19482528, 0.06494176]]
)


def lucid(state: Numbers, size: int) -> Numbers:
    """Return the picture [3, S, S] of a state [3, 2 S, S // 2 + 1]."""
    spectrum = state[:, :size] + 1j * state[:, size:]
    frequency = np.sqrt(np.fft.fftfreq(size)[:, None] ** 2 + np.fft.rfftfreq(size)[None, :] ** 2)
    scale = 1 / np.maximum(frequency, 1 / max(size, size)) * np.sqrt(size * size)
    t = np.fft.irfft2(scale * spectrum, s=(size, size)) / 4
    picture: Numbers = 1 / (1 + np.exp(-np.einsum("rc,cyx->ryx", COLOUR, t)))
    return picture


def pixel(state: Numbers, size: int) -> Numbers:
    assert state.shape == (3, size, size)
    picture: Numbers = 1 / (1 + np.exp(-state))
    return picture


PICTURES: Mapping[Parametrization, Callable[[Numbers, int], Numbers]] = {"fourier": lucid, "pixel": pixel}
CASES: list[tuple[Parametrization, int]] = [(kind, size) for kind in PARAMETRIZATIONS for size in SIZES]


def states(kind: Parametrization, size: int, batch: int) -> Numbers:
    return np.random.default_rng(size).standard_normal(state_shape(kind, size, batch))


def test_every_parametrization_has_an_oracle() -> None:
    assert PICTURES.keys() == PARAMETRIZATIONS.keys()


@pytest.mark.parametrize(("kind", "size"), CASES)
def test_a_picture_is_that_of_lucids_formulas(kind: Parametrization, size: int) -> None:
    given = states(kind, size, 2)
    back = np.zeros((2, 3, size, size))
    pictures = Exact(decode(kind, size, 2))({"state": given, "picture_gradient": back})["picture"]
    expected = np.stack([PICTURES[kind](state, size) for state in given])
    np.testing.assert_allclose(pictures, expected, atol=1e-6)


@pytest.mark.parametrize(("kind", "size"), CASES)
def test_the_backward_pass_of_a_picture_is_its_derivative(kind: Parametrization, size: int) -> None:
    rng = np.random.default_rng(size)
    given, way = states(kind, size, 1), rng.standard_normal(state_shape(kind, size, 1))
    back = rng.standard_normal((1, 3, size, size))
    run = Exact(decode(kind, size, 1))
    ahead, behind = (run({"state": given + s * 1e-5 * way, "picture_gradient": back})["picture"] for s in (1, -1))
    gradient = run({"state": given, "picture_gradient": back})["state_gradient"]
    np.testing.assert_allclose(np.vdot(gradient, way), np.vdot(back, ahead - behind) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(("size", "deviation"), STARTS)
def test_the_initial_noise_has_the_contrast_of_lucids(size: int, deviation: float) -> None:
    state = initial_state(0, state_shape("fourier", size, 1)[1:]).astype(np.float64)
    picture = lucid(state, size)
    colours = np.linalg.solve(COLOUR, np.log(picture / (1 - picture)).reshape(3, -1))
    assert colours.std() == pytest.approx(deviation, rel=0.03)
