"""Schedules: the learning rate and Adam's moments at each step of an ascent.

``one_cycle``, after Smith and Topin 2017 (arXiv:1708.07120): the rate rises for a quarter of the steps and falls along
a cosine for the rest. A low rate at the start prevents the first gradients, those of a grey picture, from driving the
low frequencies to saturation, where the sigmoid has no gradient. A rate that ends at 0 leaves no noise. With moments as
short as (0.5, 0.9), 160 steps excite a unit as much as 512 of Lucid's steps.
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
class Curve:
    """A schedule: ``factor(step, steps)`` multiplies the learning rate at step 1, 2, ... ``steps``."""

    moments: Moments
    factor: Callable[[int, int], float]


def _one_cycle(step: int, steps: int) -> float:
    return min(1.0, step / (RISE * steps)) * (1 + math.cos(math.pi * (step - 1) / steps)) / 2


CURVES: Mapping[Schedule, Curve] = {
    "constant": Curve(Moments(0.9, 0.999), lambda step, steps: 1.0),
    "one_cycle": Curve(Moments(0.5, 0.9), _one_cycle),
}


def rate_and_moments(recipe: Recipe, step: int) -> tuple[float, Moments]:
    """Return the learning rate at step 1, 2, ... of a recipe, including bias corrections, and Adam's moments."""
    curve = CURVES[recipe.schedule]
    rate = recipe.learning_rate * curve.factor(min(step, recipe.steps), recipe.steps)
    return rate * curve.moments.correction(step), curve.moments
