"""Computes the inputs of a program's terms, which are weights, vectors and positions, from recipes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_ascent.program.compose import TermTarget
from reverie_ascent.recipe import Recipe, RecipeError, Term
from reverie_ascent.runtime.session import Array


def target_inputs(targets: Sequence[TermTarget], recipes: Sequence[Recipe]) -> dict[str, Array]:
    """Return the arrays of all terms of a batch, by the names of the program's inputs.

    Raises RecipeError if a channel, vector or position does not fit its layer.
    """
    arrays: dict[str, Array] = {}
    for i, target in enumerate(targets):
        terms = [recipe.terms[i] for recipe in recipes]
        arrays[f"term{i}.weight"] = np.array([term.weight for term in terms], np.float32)
        if target.form != "squares":
            arrays[f"term{i}.vector"] = np.stack([_vector(target, term)[None, :] for term in terms])
            arrays[f"term{i}.position"] = np.stack([_positions(target, term)[:, None] for term in terms])
        if target.form == "cosine":
            arrays[f"term{i}.power"] = np.array([[[term.cosine_power]] for term in terms], np.float32)
    return arrays


def _vector(target: TermTarget, term: Term) -> Array:
    channels = target.activation.channels
    if term.kind == "direction":
        if len(term.vector) != channels:
            raise RecipeError(f"a direction in {target.layer} has {channels} numbers, not {len(term.vector)}")
        return np.array(term.vector, np.float32)
    if not 0 <= term.channel < channels:
        raise RecipeError(f"channel {term.channel} of {target.layer} is not one of 0 to {channels - 1}")
    one = np.zeros(channels, np.float32)
    one[term.channel] = 1
    return one


def _positions(target: TermTarget, term: Term) -> Array:
    """Return the weight of each position: 1 at a neuron's position, the mean over all positions otherwise."""
    height, width = target.activation.height, target.activation.width
    if term.kind != "neuron":
        return np.full(height * width, 1 / (height * width), np.float32)
    y, x = term.position if term.position is not None else (height // 2, width // 2)
    if not (0 <= y < height and 0 <= x < width):
        raise RecipeError(f"position ({y}, {x}) of {target.layer} is outside of its grid, {height} by {width}")
    one = np.zeros(height * width, np.float32)
    one[y * width + x] = 1
    return one
