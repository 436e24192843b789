"""Schedules of the learning rate."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from reverie_ascent.recipe import Recipe
from reverie_ascent.recipe.optimizer import Constant, Cosine, OneCycle, Schedule
from reverie_ascent.schedule import CURVES, RISE, rate

SCHEDULES: list[Schedule] = [Constant(), OneCycle(), Cosine(), Cosine(warm_up=5, end=0.1)]


def factors(schedule: Schedule, steps: int, beyond: int = 0) -> list[float]:
    """Return the factor of each step."""
    recipe = Recipe((), (16, 16), steps, 0.25, 0, schedule=schedule)
    return [rate(recipe, step) / 0.25 for step in range(1, steps + beyond + 1)]


def test_every_kind_of_schedule_has_a_curve() -> None:
    assert set(CURVES) == set(get_args(Schedule)) == {type(schedule) for schedule in SCHEDULES}


@pytest.mark.parametrize("steps", [1, 7, 160])
def test_a_constant_rate_is_the_learning_rate(steps: int) -> None:
    assert factors(Constant(), steps) == [1.0] * steps


@pytest.mark.parametrize("steps", [8, 64, 160, 511])
def test_one_cycle_rises_and_falls_to_zero(steps: int) -> None:
    course = np.array(factors(OneCycle(), steps))
    top = int(course.argmax())
    assert (np.diff(course[: top + 1]) > 0).all()
    assert (np.diff(course[top:]) < 0).all()
    assert abs(top + 1 - RISE * steps) <= 1
    assert 0.8 < course.max() < 1
    assert 0 < course[0] <= 1 / (RISE * steps)
    assert 0 < course[-1] < 3 / steps**2


@pytest.mark.parametrize(("warm_up", "end"), [(0, 0.0), (0, 1 / 30), (10, 0.0), (25, 0.5)])
def test_cosine_is_the_policy_of_deep_inversion(warm_up: int, end: float) -> None:
    steps = 100
    expected = []
    for epoch in range(steps):  # DeepInversion's lr_cosine_policy, whose end is 0
        if epoch < warm_up:
            expected.append((epoch + 1) / warm_up)
        else:
            share = 0.5 * (1 + math.cos(math.pi * (epoch - warm_up) / (steps - warm_up)))
            expected.append(end + (1 - end) * share)
    assert factors(Cosine(warm_up, end), steps) == pytest.approx(expected)


@pytest.mark.parametrize("warm_up", [5, 6, 1000])
def test_a_warm_up_as_long_as_the_ascent_only_rises(warm_up: int) -> None:
    assert factors(Cosine(warm_up), 5, beyond=2) == pytest.approx([t / warm_up for t in (1, 2, 3, 4, 5, 5, 5)])


@pytest.mark.parametrize("schedule", SCHEDULES[:3], ids=str)
def test_the_only_step_of_an_ascent_has_the_whole_rate(schedule: Schedule) -> None:
    assert factors(schedule, 1) == pytest.approx([1.0])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_every_step_has_a_rate_and_an_element_that_has_ended_keeps_that_of_its_last(schedule: Schedule) -> None:
    for steps in (1, 2, 5, 6, 160):
        course = factors(schedule, steps, beyond=3)
        assert all(0 < share <= 1 for share in course)
        assert course[steps:] == [course[steps - 1]] * 3
