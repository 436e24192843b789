"""TensorFlow's Adam, as gradient ascent, compared with the formula in numpy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from reverie_ascent.program.adam import Moments, adam

from tests.ascent.exact import Exact, Numbers

SHAPE = (2, 3, 8, 5)
LEARNING_RATES = (0.05, 1.5)
MOMENTS = (Moments(0.9, 0.999), Moments(0.5, 0.9))
STEPS = 8


def column(numbers: list[float]) -> Numbers:
    """Return one number for each element, shaped for broadcasting."""
    return np.array(numbers).reshape(-1, 1, 1, 1)


def tensorflow(x: Numbers, gradients: list[Numbers], learning_rate: float, moments: Moments) -> Iterator[Numbers]:
    """Yield the state after each step."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    power1, power2 = 1.0, 1.0
    for g in gradients:
        power1, power2 = power1 * moments.first, power2 * moments.second
        m = m + (g - m) * (1 - moments.first)
        v = v + (g * g - v) * (1 - moments.second)
        x = x + learning_rate * math.sqrt(1 - power2) / (1 - power1) * m / (np.sqrt(v) + 1e-8)
        yield x


def test_many_steps_are_those_of_tensorflow_at_the_rate_of_each_element() -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal(SHAPE)
    gradients = [rng.standard_normal(SHAPE) * 10.0 ** rng.integers(-6, 3) for _ in range(STEPS)]
    expected = [
        list(tensorflow(start[i], [g[i] for g in gradients], learning_rate, MOMENTS[i]))
        for i, learning_rate in enumerate(LEARNING_RATES)
    ]
    step = Exact(adam(SHAPE))
    state, m, v = start, np.zeros(SHAPE), np.zeros(SHAPE)
    for t, gradient in enumerate(gradients, start=1):
        rates = [each * kept.correction(t) for each, kept in zip(LEARNING_RATES, MOMENTS, strict=True)]
        feeds = {"state": state, "m": m, "v": v, "gradient": gradient}
        feeds |= {"rate": column(rates), "b1": column([k.first for k in MOMENTS])}
        out = step(feeds | {"b2": column([k.second for k in MOMENTS])})
        state, m, v = out["new_state"], out["new_m"], out["new_v"]
        np.testing.assert_allclose(state, np.stack([e[t - 1] for e in expected]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(out["reach"], (gradient**2).sum((1, 2, 3)))
        np.testing.assert_allclose(out["extent"], (state**2).sum((1, 2, 3)))


@pytest.mark.parametrize("gradient", [1e-3, 1.0, -1e3])
def test_the_first_step_is_as_long_as_the_learning_rate(gradient: float) -> None:
    nothing = np.zeros(SHAPE)
    rates = column([0.05 * kept.correction(1) for kept in MOMENTS])
    feeds = {"state": nothing, "m": nothing, "v": nothing, "gradient": np.full(SHAPE, gradient), "rate": rates}
    feeds |= {"b1": column([k.first for k in MOMENTS]), "b2": column([k.second for k in MOMENTS])}
    np.testing.assert_allclose(Exact(adam(SHAPE))(feeds)["new_state"], 0.05 * np.sign(gradient), rtol=1e-3)


def test_without_a_gradient_a_state_does_not_change() -> None:
    nothing, state = np.zeros(SHAPE), np.ones(SHAPE)
    ones = np.ones((2, 1, 1, 1))
    feeds = {"state": state, "m": nothing, "v": nothing, "gradient": nothing}
    out = Exact(adam(SHAPE))(feeds | {"rate": ones, "b1": 0.9 * ones, "b2": 0.999 * ones})
    np.testing.assert_array_equal(out["new_state"], state)
    np.testing.assert_array_equal(out["reach"], [0, 0])
