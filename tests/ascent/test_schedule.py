"""Schedules of the step size."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_ascent.recipe import Recipe, Schedule, Term
from reverie_ascent.schedule import CURVES, RISE, rate_and_moments


def rates(schedule: Schedule, steps: int, beyond: int = 0) -> list[float]:
    """Return the rate of each step, without Adam's correction."""
    recipe = Recipe((Term("channel", "conv1_1"),), (16, 16), steps, 0.25, 0, schedule=schedule)
    rates = ((step, rate_and_moments(recipe, step)) for step in range(1, steps + beyond + 1))
    return [rate / moments.correction(step) for step, (rate, moments) in rates]


@pytest.mark.parametrize("steps", [1, 7, 160])
def test_a_constant_rate_is_the_learning_rate(steps: int) -> None:
    assert rates("constant", steps) == pytest.approx([0.25] * steps)


@pytest.mark.parametrize("steps", [8, 64, 160, 511])
def test_one_cycle_rises_and_falls_to_zero(steps: int) -> None:
    course = np.array(rates("one_cycle", steps))
    top = int(course.argmax())
    assert (np.diff(course[: top + 1]) > 0).all()
    assert (np.diff(course[top:]) < 0).all()
    assert abs(top + 1 - RISE * steps) <= 1
    assert 0.8 * 0.25 < course.max() < 0.25
    assert 0 < course[0] <= 0.25 / (RISE * steps)
    assert 0 < course[-1] < 0.25 * 3 / steps**2


@pytest.mark.parametrize("schedule", CURVES)
def test_an_ascent_may_have_one_step(schedule: Schedule) -> None:
    assert rates(schedule, 1) == pytest.approx([0.25])


def test_an_element_that_has_ended_still_has_a_rate() -> None:
    assert rates("one_cycle", 5, beyond=3)[5:] == pytest.approx([rates("one_cycle", 5)[-1]] * 3)
