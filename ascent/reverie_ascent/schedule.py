"""Schedules: Adam's step size and moments at each step of an ascent.

``one_cycle``, after Smith and Topin 2017 (arXiv:1708.07120): the rate rises for a quarter of the steps and falls along
a cosine for the rest. At the full rate the first gradients, those of a grey picture, would throw the low frequencies
into black and white, from where they do not come back; a rate that ends at nothing leaves no noise behind. With moments
as short as (0.5, 0.9), 160 steps excite a unit as much as 512 of Lucid's do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reverie_ascent.program.adam import Moments
from reverie_ascent.recipe import Recipe, Schedule

RISE = 0.25
"""The share of the steps during which the rate rises."""


@dataclass(frozen=True)
class Course:
    """``factor(step, steps)`` is what the learning rate is multiplied by at step 1, 2, ... ``steps``."""

    moments: Moments
    factor: Callable[[int, int], float]


def _one_cycle(step: int, steps: int) -> float:
    return min(1.0, step / (RISE * steps)) * (1 + math.cos(math.pi * (step - 1) / steps)) / 2


COURSES: Mapping[Schedule, Course] = {
    "constant": Course(Moments(0.9, 0.999), lambda step, steps: 1.0),
    "one_cycle": Course(Moments(0.5, 0.9), _one_cycle),
}


def pace(recipe: Recipe, step: int) -> tuple[float, Moments]:
    """Return the rate of a recipe's step 1, 2, ..., bias corrections included, and the moments."""
    course = COURSES[recipe.schedule]
    rate = recipe.learning_rate * course.factor(min(step, recipe.steps), recipe.steps)
    return rate * course.moments.correction(step), course.moments
