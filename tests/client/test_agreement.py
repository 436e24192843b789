"""Recipe agreement: likeness of pictures, and spread of activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import reverie
from numpy.typing import NDArray
from PIL import Image
from reverie import _parsing, agreement, parametrizations, spec
from reverie.agreement import description
from reverie_proto.v1 import spec_pb2

from tests.client.scripted import Pixels, encode

SIDE = 64


def noise(seed: int) -> Pixels:
    """Return grey and coloured noise."""
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def stripes(period: int, *, down: bool = False, colour: tuple[float, float, float] = (1, 1, 1)) -> Pixels:
    """Return stripes across, or down."""
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(SIDE) / period)
    plane = np.broadcast_to(wave[:, None] if down else wave[None, :], (SIDE, SIDE))
    levels: Pixels = (plane[..., None] * np.array(colour) * 255).astype(np.uint8)
    return levels


def rendering(picture: Pixels, activation: float = 1.0) -> reverie.Rendering:
    return _parsing.rendering(
        spec_pb2.Rendering(
            image=encode(picture, spec_pb2.IMAGE_FORMAT_PNG),
            activation=activation,
            effective_spec=spec.to_message(reverie.Spec("tiny", reverie.channel("c", 1))),
        )
    )


def found(pictures: Sequence[Sequence[Pixels]], activations: NDArray[np.float64] | None = None) -> agreement.Agreement:
    """Return the agreement of rows of pictures."""
    numbers = np.ones((len(pictures), len(pictures[0]))) if activations is None else activations
    rows = [
        [rendering(*each) for each in zip(row, map(float, values), strict=True)]
        for row, values in zip(pictures, numbers, strict=True)
    ]
    return agreement.agreement([f"recipe {number}" for number in range(len(rows))], rows)


def likeness(one: Pixels, other: Pixels) -> float:
    """Return the likeness of two pictures, which are those of two recipes."""
    return found([[one, one], [other, other]]).across


PICTURES = [noise(1), stripes(8), stripes(8, colour=(1, 0.5, 0)), stripes(16, down=True)]


@pytest.mark.parametrize("picture", PICTURES)
def test_equal_pictures_agree(picture: Pixels) -> None:
    same = found([[picture] * 3] * 2)
    assert [same.within, same.across] == pytest.approx([1, 1])


@pytest.mark.parametrize("picture", PICTURES)
def test_it_does_not_matter_where_something_is(picture: Pixels) -> None:
    assert likeness(picture, np.roll(picture, (5, 24), axis=(0, 1))) == pytest.approx(1, abs=1e-3)


# Two pictures, and the range of their likeness.
PAIRS: list[tuple[str, Pixels, Pixels, float, float]] = [
    ("two kinds of noise", noise(1), noise(2), 0.8, 1.0),
    ("noise and stripes", noise(1), stripes(8), -1.0, 0.4),
    ("stripes across and down", stripes(8), stripes(8, down=True), -1.0, 0.6),
    ("fine and coarse stripes", stripes(4), stripes(32), -1.0, 0.6),
]


@pytest.mark.parametrize(("one", "other", "low", "high"), [row[1:] for row in PAIRS], ids=[row[0] for row in PAIRS])
def test_likeness_tells_pictures_apart(one: Pixels, other: Pixels, low: float, high: float) -> None:
    assert low <= likeness(one, other) <= high
    assert likeness(other, one) == pytest.approx(likeness(one, other))


def test_colours_count() -> None:
    red, blue = stripes(8, colour=(1, 0, 0)), stripes(8, colour=(0, 0, 1))
    assert likeness(red, blue) < likeness(red, red) - 0.05


def test_within_and_across_are_means_over_pairs() -> None:
    a, b, c, d = noise(1), stripes(8), stripes(16, down=True), stripes(4)
    four = found([[a, b], [c, d]])
    assert four.within == pytest.approx((likeness(a, b) + likeness(c, d)) / 2)
    assert four.across == pytest.approx(np.mean([likeness(one, other) for one in (a, b) for other in (c, d)]))
    assert four.recipes == ("recipe 0", "recipe 1")


# Activations of two recipes and their spread.
SPREADS = [
    ([[1, 3], [4, 4], [2, 2]], (4 - 2) / 4),
    ([[1, 1], [1, 1]], 0),
    ([[-1, -1], [-3, -3]], 2 / 3),
    ([[-2, -2], [1, 1]], 3 / 2),
    ([[0, 0], [0, 0]], 0),
    ([[5, 1], [1, 5]], 0),
]


@pytest.mark.parametrize(("activations", "spread"), SPREADS, ids=[str(row[0]) for row in SPREADS])
def test_the_spread_is_the_largest_difference_over_the_largest_mean(
    activations: list[list[float]], spread: float
) -> None:
    numbers = np.array(activations, float)
    made = found([[noise(1)] * 2] * len(activations), numbers)
    assert made.spread == pytest.approx(spread)
    np.testing.assert_array_equal(made.activations, numbers)


@pytest.mark.parametrize("shape", [(2, 3), (7, 64), (65, 33)])
def test_a_description_has_the_same_numbers_for_every_size(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    made = description(Image.fromarray(picture))
    assert made.shape == (agreement.OCTAVES * agreement.DIRECTIONS + 6,)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_picture_of_one_colour_is_like_no_other(level: int) -> None:
    flat = np.full((SIDE, SIDE, 3), level, np.uint8)
    assert likeness(flat, noise(1)) == pytest.approx(0, abs=0.05)


def test_the_recipes_are_parametrizations() -> None:
    assert all(hasattr(parametrizations, name) for name in agreement.RECIPES)
    assert len(agreement.RECIPES) >= 2


@pytest.mark.parametrize("side", [16, 32, 64])
def test_small_pictures_are_told_apart_too(side: int) -> None:
    # They have no waves in some octaves and directions.
    assert likeness(noise(1)[:side, :side], stripes(8)[:side, :side]) < 0.4
