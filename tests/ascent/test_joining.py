"""Pictures that join an ascent, leave it, and join again between two steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from reverie_ascent import Ascent, Reached, Result, Run
from reverie_ascent.models.repository import Model
from reverie_ascent.program import Program, build
from reverie_ascent.recipe import Recipe, RecipeError, Term
from reverie_ascent.recipe.optimizer import Adam, Nadam, Penalty, Sgd
from reverie_ascent.recipe.parametrization import Laplacian, Pixel
from reverie_ascent.runtime.session import Device

PLACES = 3
RECIPE = Recipe((Term("channel", "conv2_1", channel=2),), (16, 16), 24, 0.05, seed=5)

# Several forms of objectives, with and without transforms, before and after a ReLU, and what a run keeps between steps.
KINDS = [
    RECIPE,
    replace(RECIPE, transforms=()),
    replace(RECIPE, terms=(Term("channel", "relu2_1", channel=2),)),
    replace(RECIPE, terms=(Term("direction", "conv2_1", vector=(1.0,) * 8, cosine_power=2),)),
    replace(RECIPE, terms=(Term("layer", "conv2_1"),), parametrization=Pixel()),
    replace(RECIPE, optimizer=Nadam(), parametrization=Laplacian(2)),
    replace(RECIPE, optimizer=Sgd(0.9, "deviation"), transforms=()),
    replace(RECIPE, optimizer=Adam(weight_decay=0.1, clip_norm=1.0), views=2, importance=True, robustness=True),
    replace(RECIPE, pictures=2, terms=(*RECIPE.terms, Term("diversity", "conv2_1")), penalties=(Penalty("l2", 0.1),)),
]
IDS = [
    "channel",
    "without transforms",
    "relu",
    "direction",
    "layer of pixels",
    "nadam of a flat state",
    "momentum",
    "views and importance",
    "group",
]


def others(recipe: Recipe) -> list[Recipe]:
    """Return other recipes of the same program."""
    return [replace(recipe, seed=40 + i, steps=steps) for i, steps in enumerate((3, 11, 1, 30))]


def climb(program: Program, joining: Mapping[int, Sequence[Recipe]], wanted: Recipe) -> Result:
    """Let recipes join before the given steps, as soon as there is a place; return the result of one of them."""
    ascent, waiting, by_place = Ascent(program), list[Run](), dict[int, Run]()
    result = None
    for step in range(200):
        waiting += [Run(recipe) for recipe in joining.get(step, ())]
        while waiting and ascent.free:
            run = waiting.pop(0)
            by_place[ascent.join(run)] = run
        for event in ascent.step():
            if isinstance(event, Result) and by_place[event.element].recipe == wanted:
                result = event
    ascent.close()
    assert result is not None
    return result


def same(one: Result, other: Result) -> None:
    assert one.images.tobytes() == other.images.tobytes()
    assert one.history.tobytes() == other.history.tobytes()
    assert (one.activation, one.outcome, one.steps) == (other.activation, other.outcome, other.steps)
    assert one.robustness == other.robustness
    assert np.array_equal(one.importance, other.importance)  # type: ignore[arg-type]


@pytest.mark.parametrize("recipe", KINDS, ids=IDS)
def test_a_picture_is_the_same_when_others_join_and_leave(tiny: Model, device: Device, recipe: Recipe) -> None:
    program = build(tiny, recipe, batch=PLACES, device=device)
    alone = climb(program, {0: [recipe]}, recipe)
    assert alone.steps == recipe.steps
    first, second, third, fourth = others(recipe)
    same(climb(program, {0: [recipe], 4: [first, second], 9: [third, fourth]}, recipe), alone)
    same(climb(program, {0: [first, second], 1: [third], 2: [recipe], 20: [fourth]}, recipe), alone)


@pytest.mark.parametrize("recipe", KINDS, ids=IDS)
@pytest.mark.parametrize("places", [1, PLACES])
def test_a_suspended_picture_continues_unchanged(tiny: Model, device: Device, recipe: Recipe, places: int) -> None:
    program = build(tiny, recipe, batch=places, device=device)
    alone = climb(program, {0: [recipe]}, recipe)
    first, second = Ascent(program), Ascent(program)
    run, other = Run(recipe), Run(replace(recipe, seed=3))
    place = first.join(run)
    for _ in range(7):
        first.step()
    first.suspend(place)
    first.join(other)  # takes its place
    first.step()
    second.join(run)
    events = [event for _ in range(recipe.steps - 7) for event in second.step()]
    assert [event.step for event in events if isinstance(event, Reached)] == list(range(8, recipe.steps + 1))
    (result,) = (event for event in events if isinstance(event, Result))
    same(result, alone)


def test_the_initial_noise_is_reported_once_even_after_a_suspension(tiny: Model, device: Device) -> None:
    ascent = Ascent(build(tiny, RECIPE, batch=1, device=device))
    run = Run(RECIPE, frames=lambda step: step == 0)
    ascent.suspend(ascent.join(run))
    ascent.join(run)
    events = [event for _ in range(2) for event in ascent.step() if isinstance(event, Reached)]
    assert [(event.step, event.image is not None) for event in events] == [(0, True), (1, False), (2, False)]


def test_a_place_is_free_again_when_its_picture_is_done(tiny: Model, device: Device) -> None:
    ascent = Ascent(build(tiny, RECIPE, batch=2, device=device))
    assert ascent.free == [0, 1]
    ascent.join(Run(replace(RECIPE, steps=1)))
    assert ascent.join(Run(RECIPE)) == 1
    assert ascent.free == []
    ascent.step()
    assert ascent.free == [0]
    ascent.leave(1)
    assert ascent.free == [0, 1]


def test_a_step_of_an_empty_batch_changes_nothing(tiny: Model, device: Device) -> None:
    ascent = Ascent(build(tiny, RECIPE, batch=2, device=device))
    run = Run(RECIPE)
    ascent.join(run)
    ascent.step()
    ascent.leave(0)
    before = ascent._batch.get(0)
    assert ascent.step() == []
    for name, after in ascent._batch.get(0).items():
        np.testing.assert_array_equal(after, before[name])


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (replace(RECIPE, size=(24, 16)), "a recipe for another program"),
        (replace(RECIPE, steps=0), "at least 1 step, not 0"),
        (replace(RECIPE, terms=(Term("channel", "conv2_1", channel=99),)), "channel 99 of conv2_1"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_and_takes_no_place(
    tiny: Model, device: Device, recipe: Recipe, message: str
) -> None:
    ascent = Ascent(build(tiny, RECIPE, batch=1, device=device))
    with pytest.raises(RecipeError, match=message):
        ascent.join(Run(recipe))
    assert ascent.free == [0]
