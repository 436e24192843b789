"""The steps, frames and results that an ascent returns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reverie_ascent import Result, Step, Stopped, ascend
from reverie_ascent.models.repository import Model
from reverie_ascent.program import build
from reverie_ascent.program.parametrizations import initial_state
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.parametrization import Pixel
from reverie_ascent.runtime.session import Device

from tests.ascent.climbing import Stop, climb
from tests.ascent.exact import Array, activation
from tests.ascent.program.parametrizations.twins import CASES, Case, twin

SIZE = (16, 22)
RECIPE = Recipe((Term("channel", "conv2_1", channel=3),), SIZE, 12, 0.05, seed=9)

# Recipes for several layers, with and without transforms.
CLEAN = [
    RECIPE,
    replace(RECIPE, transforms=()),
    replace(RECIPE, terms=(Term("channel", "relu3_1", channel=2),)),
    replace(RECIPE, terms=(Term("channel", "logits", channel=4),)),
    replace(RECIPE, terms=(Term("channel", "pool1", channel=1),), parametrization=Pixel()),
]


def mean(model: Model, recipe: Recipe, image: Array) -> float:
    """Return the mean of the recipe's channel for a picture without transforms."""
    (term,) = recipe.terms
    return float(activation(model, term.layer, image[None])[0, term.channel].mean())


@pytest.mark.parametrize("recipe", CLEAN, ids=["lucid", "without transforms", "relu", "logit", "pixels"])
def test_the_activation_is_that_of_the_picture_itself_and_has_grown(
    tiny: Model, device: Device, recipe: Recipe
) -> None:
    climbed = climb(tiny, device, [recipe], frames=lambda element, step: step == 0)
    (result,) = climbed.results
    assert result.activation == pytest.approx(mean(tiny, recipe, result.image), rel=1e-4)
    assert result.activation > mean(tiny, recipe, climbed.frames[0, 0]) + 0.1
    assert climbed.steps[0].objective[0] == pytest.approx(mean(tiny, recipe, climbed.frames[0, 0]), rel=1e-3, abs=1e-5)


def test_without_transforms_each_step_reports_the_picture_before_it(tiny: Model, device: Device) -> None:
    recipe = replace(RECIPE, transforms=())
    climbed = climb(tiny, device, [recipe], frames=lambda element, step: True)
    for step in climbed.steps[1:]:
        before = mean(tiny, recipe, climbed.frames[0, step.index - 1])
        assert step.objective[0] == pytest.approx(before, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_history_is_the_objective_of_every_step(tiny: Model, device: Device, steps: int) -> None:
    climbed = climb(tiny, device, [replace(RECIPE, steps=steps)])
    (result,) = climbed.results
    assert [step.index for step in climbed.steps] == list(range(1, steps + 1))
    assert result.history.dtype == np.float32
    assert result.history.tolist() == [step.objective[0] for step in climbed.steps]
    assert result.steps == len(result.history) == steps


def test_frames_are_made_at_the_requested_steps(tiny: Model, device: Device) -> None:
    wanted = {(0, 0), (0, 5), (0, 12), (1, 3), (1, 12)}
    climbed = climb(tiny, device, [RECIPE, replace(RECIPE, seed=1)], frames=lambda i, step: (i, step) in wanted)
    assert climbed.frames.keys() == wanted
    assert [step.index for step in climbed.steps if step.images is not None] == [0, 3, 5, 12]
    for image in climbed.frames.values():
        assert image.shape == (3, *SIZE)
        assert image.dtype == np.float32
        assert 0 <= image.min() < image.max() <= 1


def test_step_0_is_reported_only_if_its_frame_is_requested(tiny: Model, device: Device) -> None:
    assert climb(tiny, device, [RECIPE]).steps[0].index == 1
    assert climb(tiny, device, [RECIPE], frames=lambda i, step: step == 1).steps[0].index == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_frame_shows_the_first_state_alone_and_in_a_batch(tiny: Model, device: Device, case: Case) -> None:
    recipe = replace(RECIPE, parametrization=case.values)
    state = initial_state(case.values, Draws(recipe.seed, 0), SIZE).astype(np.float64)
    for others in ([], [replace(recipe, seed=1)]):
        climbed = climb(tiny, device, [*others, recipe], frames=lambda element, step: step == 0)
        np.testing.assert_allclose(
            climbed.frames[len(others), 0], np.clip(twin(case.values, state, SIZE), 0, 1), atol=3e-6
        )


def test_requesting_frames_changes_nothing(tiny: Model, device: Device) -> None:
    plain = climb(tiny, device, [RECIPE]).results[0]
    watched = climb(tiny, device, [RECIPE], frames=lambda element, step: True).results[0]
    np.testing.assert_array_equal(watched.image, plain.image)
    np.testing.assert_array_equal(watched.history, plain.history)


def test_elements_end_each_at_its_own_last_step(tiny: Model, device: Device) -> None:
    lengths = [5, 1, 9]
    recipes = [replace(RECIPE, steps=steps, seed=i) for i, steps in enumerate(lengths)]
    climbed = climb(tiny, device, recipes, frames=lambda element, step: True)
    assert climbed.frames.keys() == {(i, step) for i, last in enumerate(lengths) for step in range(last + 1)}
    for step in climbed.steps:
        assert np.isnan(step.objective).tolist() == [step.index > last for last in lengths]
    for i, (result, recipe) in enumerate(zip(climbed.results, recipes, strict=True)):
        assert result.steps == len(result.history) == lengths[i]
        assert result.activation == pytest.approx(mean(tiny, recipe, result.image), rel=1e-4)
        np.testing.assert_array_equal(result.image, climbed.frames[i, lengths[i]])


@pytest.mark.parametrize("made", [0, 1, 4, 11])
def test_an_ascent_stops_before_its_next_step(tiny: Model, device: Device, made: int) -> None:
    ascent = ascend(build(tiny, RECIPE, batch=1, device=device), [RECIPE], stop=Stop(after=made))
    events = [next(ascent) for _ in range(made)]
    assert [step.index for step in events if isinstance(step, Step)] == list(range(1, made + 1))
    with pytest.raises(Stopped):
        next(ascent)


def test_an_ascent_checks_stop_once_before_every_step_and_not_after_the_last(tiny: Model, device: Device) -> None:
    stop = Stop()
    *_, last = ascend(build(tiny, RECIPE, batch=1, device=device), [RECIPE], stop=stop)
    assert isinstance(last, Result)
    assert stop.asked == RECIPE.steps
