"""Equal recipes give equal pictures: in the same program, in a new one, and in any batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reverie_ascent import ascend
from reverie_ascent.models.repository import Model
from reverie_ascent.program import build
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.optimizer import Adam, Nadam, Penalty, Sgd
from reverie_ascent.recipe.parametrization import Cppn, Laplacian, Maco, MultiResolution, Pixel
from reverie_ascent.recipe.transform import LUCID, ColourShift, CropBox, Noise, Rotate, Transform, Uniform
from reverie_ascent.runtime.session import Array, Device

from tests.ascent.climbing import climb
from tests.ascent.program.parametrizations.twins import LAW

LAYERS = ["conv2_1", "relu2_1"]
BOXES = (CropBox(Uniform(0.3, 0.9), 0.1, 0.15), ColourShift(), Noise(0.1, -0.02, 0.02, fading=True))

# Changes of a recipe, each with other parts of the program and other draws.
WAYS: dict[str, dict[str, Any]] = {
    "lucid": {},
    "without transforms": {"transforms": ()},
    "pixels": {"parametrization": Pixel()},
    "clamped pixels": {"parametrization": Pixel("clamp", 0.5, 0.1, "uniform"), "optimizer": Adam(weight_decay=0.1)},
    "laplacian": {"parametrization": Laplacian(3), "transforms": (Rotate(Uniform(-9, 9), "bilinear"),)},
    "several resolutions": {"parametrization": MultiResolution((1, 5, 16)), "optimizer": Sgd(0.9)},
    "maco": {"parametrization": Maco(LAW), "optimizer": Nadam(), "transforms": BOXES, "view_size": (12, 14)},
    "cppn": {"parametrization": Cppn(2, 6)},
    "views": {"views": 3, "transforms": BOXES, "importance": True, "robustness": True},
    "group": {"pictures": 2, "views": 2, "penalties": (Penalty("tv", 0.01), Penalty("spectral"))},
    "attempts": {"best_of": 2},
}


def recipe(layer: str, *, channel: int = 2, seed: int = 5, steps: int = 20) -> Recipe:
    return Recipe((Term("channel", layer, channel=channel),), (16, 16), steps, 0.05, seed)


def psnr(a: Array, b: Array) -> float:
    error = float(((a.astype(np.float64) - b) ** 2).mean())
    return np.inf if error == 0 else -10 * float(np.log10(error))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("way", WAYS)
def test_the_same_recipe_gives_the_same_bytes_again(tiny: Model, device: Device, layer: str, way: str) -> None:
    wanted = replace(recipe(layer), **WAYS[way])
    program = build(tiny, wanted, batch=1, device=device)
    first, again = (climb(tiny, device, [wanted], program=program).results[0] for _ in range(2))
    built_again = climb(tiny, device, [wanted]).results[0]
    for other in (again, built_again):
        assert other.images.tobytes() == first.images.tobytes()
        assert other.history.tobytes() == first.history.tobytes()
        assert (other.activation, other.outcome, other.steps) == (first.activation, first.outcome, first.steps)
        assert other.robustness == first.robustness
        assert np.array_equal(other.importance, first.importance)  # type: ignore[arg-type]


def test_an_ascent_left_half_way_has_no_effect_on_the_next(tiny: Model, device: Device) -> None:
    wanted, other = recipe("conv2_1"), recipe("conv2_1", channel=1, seed=9)
    program = build(tiny, wanted, batch=1, device=device)
    (first,) = climb(tiny, device, [wanted], program=program).results
    left = ascend(program, [other])
    for _ in range(3):
        next(left)
    (meanwhile,) = climb(tiny, device, [wanted], program=program).results
    left.close()
    (afterwards,) = climb(tiny, device, [wanted], program=program).results
    assert meanwhile.image.tobytes() == afterwards.image.tobytes() == first.image.tobytes()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("place", range(4))
def test_a_picture_does_not_depend_on_the_other_elements_of_its_batch(
    tiny: Model, device: Device, layer: str, place: int
) -> None:
    others = [recipe(layer, channel=i, seed=40 + i, steps=steps) for i, steps in enumerate((3, 30, 1, 12))]
    others[place] = recipe(layer)
    (alone,) = climb(tiny, device, [recipe(layer)]).results
    among = climb(tiny, device, others).results[place]
    assert psnr(among.image, alone.image) >= 50
    np.testing.assert_allclose(among.history, alone.history, rtol=1e-3, atol=1e-4)
    assert among.activation == pytest.approx(alone.activation, rel=1e-3)
    assert (among.outcome, among.steps) == (alone.outcome, alone.steps)


def test_a_batch_may_have_sixty_four_elements(tiny: Model, device: Device) -> None:
    others = [recipe("conv2_1", channel=i % 4, seed=i, steps=3 + i % 2) for i in range(64)]
    results = climb(tiny, device, others).results
    for place in (0, 31, 63):
        (alone,) = climb(tiny, device, [others[place]]).results
        assert psnr(results[place].image, alone.image) >= 50
        assert results[place].steps == others[place].steps


@pytest.mark.parametrize(
    "other", [recipe("conv2_1", seed=6), recipe("conv2_1", channel=3)], ids=["another seed", "another channel"]
)
def test_another_recipe_gives_another_picture(tiny: Model, device: Device, other: Recipe) -> None:
    results = climb(tiny, device, [recipe("conv2_1"), other]).results
    assert psnr(results[0].image, results[1].image) < 40


@pytest.mark.parametrize("transforms", [(), LUCID])
def test_more_steps_begin_with_the_same_steps(tiny: Model, device: Device, transforms: tuple[Transform, ...]) -> None:
    short, long = (replace(recipe("conv2_1", steps=n), transforms=transforms) for n in (6, 9))
    (first,), climbed = climb(tiny, device, [short]).results, climb(tiny, device, [long], frames=lambda i, n: n == 6)
    np.testing.assert_array_equal(climbed.results[0].history[:6], first.history)
    np.testing.assert_array_equal(climbed.frames[0, 6], first.image)
