"""Penalties: golden values and formulas in numpy, and gradients that are their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from reverie_ascent.program.penalties import PENALTIES, penalty
from reverie_ascent.recipe.optimizer import PenaltyKind
from reverie_ascent.runtime.session import Session, choose_device

from tests.ascent.exact import Exact, Numbers

# The picture of the golden values.
WAVES = 0.5 + 0.4 * np.sin(0.05 * np.arange(3 * 16 * 16)).reshape(1, 3, 16, 16)

# From Lucid's (l1, l2), TensorFlow's (tv), DeepInversion's and Ghiasi et al.'s formulas.
GOLDEN: dict[PenaltyKind, float] = {
    "l1": 193.7556659,
    "l2": 7.7858068,
    "tv": 149.0597071,
    "tv_four_norm": 17.4441513,
    "tv_four_norm_mean": 10.0712476,
}


def measure(kind: PenaltyKind, picture: Numbers, weight: float = 1.0, constant: float = 0.5) -> dict[str, Numbers]:
    """Return the penalty of each picture and the gradient, in float64."""
    batch, channels, height, width = picture.shape
    graph = Exact(penalty(kind, (batch, channels, height, width)))
    return graph({"picture": picture, "weight": np.full(batch, weight), "constant": np.full(batch, constant)})


# ----- oracles, of one picture [C, H, W] -----


def four_differences(x: Numbers) -> list[Numbers]:
    """Return those of DeepInversion's image prior."""
    return [
        x[:, :, :-1] - x[:, :, 1:],
        x[:, :-1, :] - x[:, 1:, :],
        x[:, 1:, :-1] - x[:, :-1, 1:],
        x[:, :-1, :-1] - x[:, 1:, 1:],
    ]


def total_variation(x: Numbers) -> float:
    """After tf.image.total_variation."""
    return float(np.abs(np.diff(x, axis=1)).sum() + np.abs(np.diff(x, axis=2)).sum())


def blurred(x: Numbers) -> Numbers:
    """After Lucid's _tf_blur (optvis/objectives.py): a weighted mean over the neighbours that exist."""
    out = np.zeros_like(x)
    _, height, width = x.shape
    for i, j in np.ndindex(height, width):
        total = 0.0
        for k, n in np.ndindex(3, 3):
            y, z = i + k - 1, j + n - 1
            if 0 <= y < height and 0 <= z < width:
                share = 1.0 if (k, n) == (1, 1) else 0.5
                out[:, i, j] += share * x[:, y, z]
                total += share
        out[:, i, j] /= total
    return out


def spectral(x: Numbers) -> float:
    """The power of each frequency times the square of the frequency, by numpy's transform."""
    square = np.fft.fftfreq(x.shape[1])[:, None] ** 2 + np.fft.fftfreq(x.shape[2])[None, :] ** 2
    return float((square * np.abs(np.fft.fft2(x, norm="ortho")) ** 2).mean())


ORACLES: dict[PenaltyKind, Callable[[Numbers, float], float]] = {
    "l1": lambda x, c: float(np.abs(x - c).sum()),
    "l2": lambda x, c: float(np.sqrt(1e-6 + ((x - c) ** 2).sum())),
    "l_infinity": lambda x, c: float(np.abs(x - c).max()),
    "tv": lambda x, c: total_variation(x),
    "tv_mean": lambda x, c: total_variation(x) / x.size,
    "tv_four_norm": lambda x, c: float(sum(np.linalg.norm(d) for d in four_differences(x))),
    "tv_four_norm_mean": lambda x, c: float(
        np.mean([sum(np.linalg.norm(d) for d in four_differences(channel[None])) for channel in x])
    ),
    "blur": lambda x, c: float(0.5 * ((x - blurred(x)) ** 2).sum()),
    "spectral": lambda x, c: spectral(x),
}

each_kind = pytest.mark.parametrize("kind", PENALTIES)


def test_every_kind_of_penalty_has_a_graph_and_an_oracle() -> None:
    assert set(PENALTIES) == set(get_args(PenaltyKind)) == set(ORACLES)


@pytest.mark.parametrize("kind", GOLDEN)
def test_the_golden_values(kind: PenaltyKind) -> None:
    assert measure(kind, WAVES)["penalty"] == pytest.approx([GOLDEN[kind]], abs=1e-6)


@pytest.mark.parametrize(("shape", "constant"), [((2, 3, 7, 10), 0.5), ((3, 1, 16, 9), 0.0), ((1, 4, 9, 8), -0.3)])
@each_kind
def test_a_penalty_is_its_formula_for_each_picture_alone(
    kind: PenaltyKind, shape: tuple[int, int, int, int], constant: float
) -> None:
    picture = np.random.default_rng(0).uniform(0, 1, shape)
    found = measure(kind, picture, weight=0.7, constant=constant)["penalty"]
    assert found == pytest.approx([0.7 * ORACLES[kind](x, constant) for x in picture], rel=1e-5)


@each_kind
def test_the_gradient_is_the_derivative(kind: PenaltyKind) -> None:
    """A random picture is nowhere near a kink: no number equals the constant or a neighbour to 1e-6."""
    rng = np.random.default_rng(1)
    picture, direction = rng.uniform(0, 1, (2, 3, 7, 6)), rng.standard_normal((2, 3, 7, 6))
    h = 1e-6
    fixed = np.stack([blurred(x) for x in picture])

    def value(x: Numbers) -> float:
        if kind == "blur":  # the blurred picture counts as constant
            return float(0.7 * 0.5 * ((x - fixed) ** 2).sum())
        return float(measure(kind, x, weight=0.7)["penalty"].sum())

    slope = (value(picture + h * direction) - value(picture - h * direction)) / (2 * h)
    gradient = measure(kind, picture, weight=0.7)["picture_gradient"]
    assert gradient.shape == picture.shape
    assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-5)


@each_kind
def test_pictures_have_weights_of_their_own(kind: PenaltyKind) -> None:
    picture = np.random.default_rng(2).uniform(0, 1, (2, 3, 6, 6))
    weights, constants = np.array([0.5, -3.0]), np.array([0.5, 0.1])
    both = Exact(penalty(kind, (2, 3, 6, 6)))({"picture": picture, "weight": weights, "constant": constants})
    for i in range(2):
        alone = measure(kind, picture[i : i + 1], float(weights[i]), float(constants[i]))
        np.testing.assert_allclose(both["penalty"][i], alone["penalty"][0], rtol=1e-12)
        np.testing.assert_allclose(both["picture_gradient"][i], alone["picture_gradient"][0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("level", [0.0, 0.5, 0.7, 1.0])
@each_kind
def test_a_picture_of_one_colour_has_a_finite_gradient_in_float32(kind: PenaltyKind, level: float) -> None:
    shape = (1, 3, 16, 16)
    session = Session(penalty(kind, shape), choose_device("cpu", threads=1))
    feeds = {"picture": np.full(shape, level, np.float32), "weight": np.ones(1, np.float32)}
    feeds["constant"] = np.full(1, 0.5, np.float32)
    value, gradient = session.tensor(np.zeros(1, np.float32)), session.tensor(np.zeros(shape, np.float32))
    session.bind(
        {name: session.tensor(a) for name, a in feeds.items()}, {"penalty": value, "picture_gradient": gradient}
    ).run()
    assert np.isfinite(value.numpy()).all()
    assert np.isfinite(gradient.numpy()).all()
    if not kind.startswith("l"):
        np.testing.assert_allclose(value.numpy(), 0, atol=1e-5)
        np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-6)
    if level == 0.5:
        np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-9)


def test_numbers_that_tie_for_the_largest_distance_share_the_gradient() -> None:
    picture = np.full((1, 1, 4, 4), 0.5)
    picture[0, 0, 1, 2], picture[0, 0, 3, 0] = 0.9, 0.1
    gradient = measure("l_infinity", picture)["picture_gradient"]
    assert (gradient[0, 0, 1, 2], gradient[0, 0, 3, 0]) == pytest.approx((0.5, -0.5))
    assert np.abs(gradient).sum() == pytest.approx(1)


def test_a_step_against_the_blur_penalty_blurs_the_picture() -> None:
    picture = np.random.default_rng(4).uniform(0, 1, (1, 3, 9, 7))
    stepped = picture - measure("blur", picture)["picture_gradient"]
    np.testing.assert_allclose(stepped[0], blurred(picture[0]), rtol=1e-6)
