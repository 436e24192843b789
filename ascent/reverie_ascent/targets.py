"""Computes the inputs of a program's terms, which are weights, vectors and positions, from recipes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.compose import TermTarget
from reverie_ascent.recipe import Recipe, RecipeError, Term
from reverie_ascent.runtime.session import Array

Numbers = npt.NDArray[np.float32]

#: The forms that compare with a whole activation, and those that compare the pictures of a group.
WHOLE = ("l2", "all_cosine", "dot_cosine")
OF_GROUP = ("diversity", "lucent_diversity", "alignment")
WITH_POWER = ("cosine", "dot_cosine")


def target_inputs(targets: Sequence[TermTarget], recipes: Sequence[Recipe]) -> dict[str, Array]:
    """Return the arrays of all terms of a batch, by the names of the program's inputs.

    They have a row for each view of each picture, or for each render if the form compares the pictures of a group.
    Raises RecipeError if a channel, vector, position or region does not fit its layer.
    """
    arrays: dict[str, Array] = {}
    for i, target in enumerate(targets):
        rows = [_rows(target, recipe.terms[i]) for recipe in recipes]
        arrays |= {f"term{i}.{name}": np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return arrays


def _rows(target: TermTarget, term: Term) -> dict[str, Numbers]:
    """Return the inputs of a term for the rows of one render."""
    a, form = target.activation, target.form
    rows = 1 if form in OF_GROUP else a.group * a.views
    made = {"weight": _weights(target, term)}
    one: dict[str, Numbers] = {}
    if form in WHOLE:
        one["wanted"] = _wanted(target, term)
    elif form not in ("squares", *OF_GROUP):
        one["position"] = _positions(target, term)[:, None]
        if form != "region":
            one["vector"] = _vector(target, term)[None, :]
    if form == "cosine":
        one["power"] = np.array([[term.cosine_power]], np.float32)
    elif form == "dot_cosine":
        one["power"] = np.array(term.cosine_power, np.float32)
    elif form == "divergence":
        one["entropy"] = np.array(_entropy(term), np.float32)
    elif form == "alignment":
        one["decay"] = np.array(term.decay, np.float32)
    return made | {name: np.repeat(array[None], rows, axis=0) for name, array in one.items()}


def _weights(target: TermTarget, term: Term) -> Numbers:
    """Return a weight for each row, whose sum is that of the term, or for a form that compares one for the render."""
    a = target.activation
    weights = np.array(term.weight if isinstance(term.weight, tuple) else [term.weight], np.float64)
    if target.form in OF_GROUP:
        if a.group == 1:
            raise RecipeError(f"{term.kind} in {target.layer} compares the pictures of a group, and there is only one")
        if len(weights) != 1:
            raise RecipeError(f"{term.kind} in {target.layer} has one weight, not {len(weights)}")
        return weights.astype(np.float32)
    if len(weights) not in (1, a.group):
        raise RecipeError(f"{term.kind} in {target.layer} has {len(weights)} weights for {a.group} pictures")
    each: npt.NDArray[np.float64] = np.repeat(np.broadcast_to(weights, a.group), a.views) / (a.group * a.views)
    return each.astype(np.float32)


def _vector(target: TermTarget, term: Term) -> Numbers:
    channels = target.activation.channels
    if term.kind in ("direction", "cosine", "divergence"):
        if len(term.vector) != channels:
            raise RecipeError(f"a {term.kind} in {target.layer} has {channels} numbers, not {len(term.vector)}")
        vector = np.array(term.vector, np.float64)
        return (vector / vector.sum() if term.kind == "divergence" else vector).astype(np.float32)
    if not 0 <= term.channel < channels:
        raise RecipeError(f"channel {term.channel} of {target.layer} is not one of 0 to {channels - 1}")
    one = np.zeros(channels, np.float32)
    one[term.channel] = 1
    return one


def _wanted(target: TermTarget, term: Term) -> Numbers:
    """Return the activation to match, [C, positions]."""
    a = target.activation
    vector = np.array(term.vector, np.float32)
    if len(vector) == a.channels:
        return np.repeat(vector[:, None], a.positions, axis=1)
    if len(vector) == a.channels * a.positions:
        return vector.reshape(a.channels, a.positions)
    raise RecipeError(
        f"a match in {target.layer} has {a.channels} numbers, one for each channel, or"
        f" {a.channels * a.positions} for its {a.height} by {a.width} positions, not {len(vector)}"
    )


def _entropy(term: Term) -> float:
    chances = np.array(term.vector, np.float64) / np.sum(term.vector, dtype=np.float64)
    return float(-np.sum(chances * np.log(np.where(chances > 0, chances, 1))))


def _positions(target: TermTarget, term: Term) -> Numbers:
    """Return the weight of each position; without a neuron's position or a region the mean over all."""
    a = target.activation
    if term.kind == "neuron":
        y, x = term.position if term.position is not None else (a.height // 2, a.width // 2)
        if not (0 <= y < a.height and 0 <= x < a.width):
            raise RecipeError(f"position ({y}, {x}) of {target.layer} is outside of its grid, {a.height} by {a.width}")
        one = np.zeros(a.positions, np.float32)
        one[y * a.width + x] = 1
        return one
    if term.region is None:
        return np.full(a.positions, 1 / a.positions, np.float32)
    weights = term.region.of_positions(a.height, a.width)
    if not weights.sum() > 0:
        raise RecipeError(f"the region selects no position of {target.layer}, whose grid is {a.height} by {a.width}")
    shares: Numbers = (weights / weights.sum()).astype(np.float32).reshape(-1)
    return shares
