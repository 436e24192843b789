"""A number that is not finite ends an element with its last finite picture, and does not affect the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reverie_ascent import Outcome
from reverie_ascent.models.repository import Model
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.transform import LUCID, Transform
from reverie_ascent.runtime.session import Device

from tests.ascent.climbing import climb
from tests.ascent.conftest import MakeModel
from tests.ascent.test_results import mean

STEPS = 12
VALID = Recipe((Term("channel", "conv2_1", channel=1),), (8, 8), STEPS, 0.05, seed=0)

# Learning rates that overflow at once or after some steps; the state, of 240 numbers, is squared.
HUGE = [1e25, 1e19, 6e17, 3e17]


@pytest.mark.parametrize("learning_rate", HUGE)
def test_a_huge_learning_rate_ends_with_the_last_finite_picture(
    tiny: Model, device: Device, learning_rate: float
) -> None:
    recipe = replace(VALID, learning_rate=learning_rate)
    climbed = climb(tiny, device, [recipe], frames=lambda element, step: True)
    (result,) = climbed.results
    assert result.outcome is Outcome.NON_FINITE
    assert result.detail.startswith(f"After {result.steps} steps the objective or the picture stopped being a finite")
    assert "A smaller learning rate may help." in result.detail
    assert result.steps == len(result.history) < STEPS
    assert np.isfinite(result.history).all()
    assert result.activation == pytest.approx(mean(tiny, recipe, result.image), rel=1e-3)
    assert ((result.image >= 0) & (result.image <= 1)).all()
    np.testing.assert_array_equal(result.image, climbed.frames[0, result.steps])
    assert len(climbed.frames) == result.steps + 1
    assert climbed.steps[-1].index == result.steps + 1
    assert np.isnan(climbed.steps[-1].objective).all()


def test_some_huge_rates_end_at_once_and_some_later(tiny: Model, device: Device) -> None:
    steps = [climb(tiny, device, [replace(VALID, learning_rate=rate)]).results[0].steps for rate in HUGE]
    assert steps[0] == 0
    assert steps[-1] > 0


@pytest.mark.parametrize("layer", ["conv3_1", "relu3_1"])
def test_an_activation_that_overflows_ends_before_the_first_step(
    make_model: MakeModel, device: Device, layer: str
) -> None:
    recipe = replace(VALID, terms=(Term("channel", layer),))
    climbed = climb(make_model(gain=1e14), device, [recipe], frames=lambda element, step: True)
    (result,) = climbed.results
    assert result.outcome is Outcome.NON_FINITE
    assert result.steps == len(result.history) == 0
    np.testing.assert_array_equal(result.image, climbed.frames[0, 0])


@pytest.mark.parametrize("transforms", [(), LUCID])
def test_only_the_broken_element_of_a_batch_ends(
    tiny: Model, device: Device, transforms: tuple[Transform, ...]
) -> None:
    valid = [replace(VALID, seed=seed, transforms=transforms) for seed in range(3)]
    alone = [climb(tiny, device, [recipe]).results[0] for recipe in valid]
    broken = replace(valid[1], learning_rate=6e17)
    climbed = climb(tiny, device, [valid[0], broken, valid[2]])
    assert [r.outcome for r in climbed.results] == [Outcome.CONVERGED, Outcome.NON_FINITE, Outcome.CONVERGED]
    ended = climbed.results[1].steps
    for step in climbed.steps:
        assert np.isnan(step.objective).tolist() == [False, step.index > ended, False]
    for i in (0, 2):
        assert climbed.results[i].steps == STEPS
        np.testing.assert_allclose(climbed.results[i].image, alone[i].image, atol=1e-4)
        np.testing.assert_allclose(climbed.results[i].history, alone[i].history, rtol=1e-3, atol=1e-4)


def test_only_the_element_that_stays_silent_is_reported_dead(make_model: MakeModel, device: Device) -> None:
    waking = replace(VALID, terms=(Term("channel", "relu1_1", channel=1),), steps=40, transforms=())
    sleeping = replace(waking, learning_rate=1e-7)
    climbed = climb(make_model(bias=-0.5), device, [sleeping, waking, sleeping])
    assert [r.outcome.name for r in climbed.results] == ["DEAD_UNIT", "CONVERGED", "DEAD_UNIT"]
