"""Recipes that a program cannot run, and the message."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from reverie_ascent import ascend
from reverie_ascent.models.repository import Model
from reverie_ascent.program import build
from reverie_ascent.recipe import Recipe, RecipeError, Term
from reverie_ascent.recipe.optimizer import Adam, Nadam, Penalty
from reverie_ascent.recipe.parametrization import Pixel
from reverie_ascent.recipe.transform import LUCID
from reverie_ascent.runtime.session import Device

from tests.ascent.climbing import Stop

SIZE = (10, 10)  # a grid of 5 by 5 in conv2_1, which has 8 channels


def of(*terms: Term) -> Recipe:
    return Recipe(terms, SIZE, 4, 0.05, 0, transforms=())


CHANNEL = of(Term("channel", "conv2_1"))
LOGIT = of(Term("channel", "logits"))


@dataclass(frozen=True)
class Case:
    """The program of a recipe is asked to follow ``asked``; ``said`` is in the answer."""

    recipe: Recipe
    asked: list[Recipe]
    message: str


def one(term: Term, message: str) -> Case:
    return Case(of(term), [of(term)], message)


def other(asked: Recipe) -> Case:
    return Case(CHANNEL, [asked], "a recipe for another program: ")


CASES = [
    Case(CHANNEL, [CHANNEL] * 2, "this program renders 1 pictures at once, not 2"),
    Case(CHANNEL, [], "this program renders 1 pictures at once, not 0"),
    other(of(Term("channel", "conv1_1"))),
    other(of(Term("layer", "conv2_1"))),
    other(of(Term("channel", "conv2_1"), Term("channel", "conv2_1"))),
    other(of(Term("direction", "conv2_1", vector=(1.0,) * 8, cosine_power=1))),
    other(replace(CHANNEL, size=(10, 11))),
    other(replace(CHANNEL, parametrization=Pixel())),
    other(replace(CHANNEL, transforms=LUCID)),
    other(replace(CHANNEL, view_size=(12, 12))),
    other(replace(CHANNEL, views=2)),
    other(replace(CHANNEL, pictures=2)),
    other(replace(CHANNEL, optimizer=Nadam())),
    other(replace(CHANNEL, optimizer=Adam(clip_norm=1.0))),
    other(replace(CHANNEL, penalties=(Penalty("l1"),))),
    other(replace(CHANNEL, importance=True)),
    Case(CHANNEL, [replace(CHANNEL, steps=0)], "an ascent has at least 1 step, not 0"),
    Case(CHANNEL, [replace(CHANNEL, steps=-3)], "an ascent has at least 1 step, not -3"),
    one(Term("channel", "conv2_1", channel=8), "channel 8 of conv2_1 is not one of 0 to 7"),
    one(Term("channel", "conv2_1", channel=-1), "channel -1 of conv2_1 is not one of 0 to 7"),
    one(Term("neuron", "relu2_1", channel=8), "channel 8 of relu2_1 is not one of 0 to 7"),
    one(Term("channel", "logits", channel=5), "channel 5 of logits is not one of 0 to 4"),
    one(Term("neuron", "conv2_1", position=(5, 0)), "position (5, 0) of conv2_1 is outside of its grid, 5 by 5"),
    one(Term("neuron", "conv2_1", position=(0, 5)), "position (0, 5) of conv2_1 is outside of its grid, 5 by 5"),
    one(Term("neuron", "conv2_1", position=(-1, 2)), "position (-1, 2) of conv2_1 is outside of its grid, 5 by 5"),
    one(Term("neuron", "logits", position=(0, 1)), "position (0, 1) of logits is outside of its grid, 1 by 1"),
    one(Term("direction", "conv2_1", vector=(1.0,) * 7), "a direction in conv2_1 has 8 numbers, not 7"),
    one(Term("direction", "conv2_1", cosine_power=2), "a direction in conv2_1 has 8 numbers, not 0"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message)
def test_a_recipe_that_does_not_fit_is_refused_with_what_fits(tiny: Model, device: Device, case: Case) -> None:
    program = build(tiny, case.recipe, batch=1, device=device)
    with pytest.raises(RecipeError) as refused:
        next(ascend(program, case.asked))
    assert case.message in str(refused.value)


def test_one_bad_recipe_in_a_batch_is_refused_before_the_first_step(tiny: Model, device: Device) -> None:
    stop = Stop()
    bad = of(Term("channel", "conv2_1", channel=99))
    ascent = ascend(build(tiny, CHANNEL, batch=2, device=device), [CHANNEL, bad], stop=stop)
    with pytest.raises(RecipeError, match="channel 99"):
        next(ascent)
    assert stop.asked == 0


# Recipes with the same key; a program that was built for one of them can run the others.
ALIKE = [
    replace(CHANNEL, seed=3, steps=2, learning_rate=1.0),
    replace(CHANNEL, optimizer=Adam(0.5, 0.9, 1e-3, torch_epsilon=True)),
    of(Term("channel", "conv2_1", weight=-1, channel=7)),
    of(Term("neuron", "conv2_1", position=(4, 4))),
    of(Term("direction", "conv2_1", vector=(1.0,) * 8)),
]


@pytest.mark.parametrize("recipe", ALIKE, ids=lambda recipe: recipe.terms[0].kind)
def test_a_recipe_of_the_same_key_is_accepted(tiny: Model, device: Device, recipe: Recipe) -> None:
    *_, result = ascend(build(tiny, CHANNEL, batch=1, device=device), [recipe])
    assert len(getattr(result, "history", ())) == recipe.steps
