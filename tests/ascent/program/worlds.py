"""The step program of a recipe in float64, with all its constant inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from reverie_ascent.models.repository import Model
from reverie_ascent.program import program_key
from reverie_ascent.program.compose import compose, term_targets
from reverie_ascent.program.parametrizations import state_shape
from reverie_ascent.program.transforms import Views, stages
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe
from reverie_ascent.targets import target_inputs

from tests.ascent.exact import Array, Exact, Numbers

STEP, STEPS = 2, 5


@dataclass(frozen=True)
class World:
    """A program whose optimizer, Adam with moments of length 0, returns the gradient by the state as ``new_m``."""

    run: Exact
    feeds: dict[str, Array]

    def outputs(self, state: Numbers) -> dict[str, Numbers]:
        """Return all outputs for a state."""
        return self.run(self.feeds | {"state": state})

    def score(self, state: Numbers) -> Numbers:
        """Return the objective of each render."""
        return self.outputs(state)["score"]

    def gradient(self, state: Numbers) -> Numbers:
        """Return the gradient by the state."""
        return self.outputs(state)["new_m"]


def random_state(recipe: Recipe, batch: int) -> Numbers:
    """Return states with some contrast."""
    shape = state_shape(recipe.parametrization, recipe.size, batch * recipe.pictures)
    return np.random.default_rng(1).standard_normal(shape)


def world(model: Model, recipe: Recipe, batch: int, *, first_view: int = 0) -> World:
    """Return the program of ``batch`` renders, each with draws of its own seed.

    Views are numbered from ``first_view`` on, so that one of several views can be seen alone.
    """
    key = program_key(recipe)
    pictures = batch * recipe.pictures
    shape = state_shape(recipe.parametrization, recipe.size, pictures)
    feeds: dict[str, Array] = {"m": np.zeros(shape), "v": np.zeros(shape)}
    feeds |= dict.fromkeys(("rate", "b1", "b2"), np.zeros((pictures, 1, 1, 1)))
    feeds["epsilon"] = np.ones((pictures, 1, 1, 1))
    feeds |= target_inputs(term_targets(model, key, batch), [recipe] * batch)
    for i, penalty in enumerate(recipe.penalties):
        feeds[f"penalty{i}.weight"] = np.full(pictures, -penalty.weight / recipe.pictures)
        feeds[f"penalty{i}.constant"] = np.full(pictures, penalty.constant)
    if recipe.importance:
        feeds["importance"] = np.zeros((pictures, model.channels, *recipe.size))
    run = Exact(compose(model, key, batch), model.folder)
    if "redirect" in run.inputs:
        feeds["redirect"] = np.zeros(batch * recipe.network_pictures)
    if recipe.transforms:
        parts = stages(recipe.transforms, recipe.size, recipe.seen_size)
        views = Views(parts, batch * recipe.network_pictures, model.channels, recipe.size, recipe.seen_size)
        for row in range(batch * recipe.network_pictures):
            seed, view = row // recipe.network_pictures, first_view + row % recipe.views
            views.draw(row, Draws(seed, STEP, view=view), STEP, STEPS)
        feeds |= views.arrays
    return World(run, feeds)
