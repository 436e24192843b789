"""The ascent: step after step, until every element of the batch has its picture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reverie_server.ascent.draws import draw, initial_state
from reverie_server.ascent.goals import goals
from reverie_server.ascent.result import Outcome, Result, Step, Stopped
from reverie_server.ascent.schedule import pace
from reverie_server.program import Climb, Program, Reading, program_key
from reverie_server.program.redirect import STEPS as REDIRECTED_STEPS
from reverie_server.program.views import Views
from reverie_server.recipe import Recipe, RecipeError


def never() -> bool:
    """Do not stop."""
    return False


def ascend(
    program: Program,
    recipes: Sequence[Recipe],
    *,
    frames: Callable[[int, int], bool] | None = None,
    stop: Callable[[], bool] = never,
) -> Generator[Step | Result]:
    """Carry a batch uphill: yield a Step after each step, and at the end a Result for each element, in order.

    ``frames(element, step)`` says which pictures to return on the way; step 0 is the first noise, and is told only if
    its picture is wanted. ``stop()`` is asked before every step. Elements may have different numbers of steps; what
    becomes of one does not depend on the others.

    Raises RecipeError for recipes that are not the program's or do not fit its layers, and Stopped.
    """
    _check(program, recipes)
    initial = np.stack([initial_state(recipe.seed, program.state_shape[1:]) for recipe in recipes])
    with program.climb(initial) as climb:
        yield from _climb(climb, program, recipes, frames=frames, stop=stop)


def _climb(
    climb: Climb,
    program: Program,
    recipes: Sequence[Recipe],
    *,
    frames: Callable[[int, int], bool] | None,
    stop: Callable[[], bool],
) -> Iterator[Step | Result]:
    climb.feed(goals(program.sites, recipes))
    views = program.views()
    runs = [_Run(recipe) for recipe in recipes]

    def images(step: int) -> dict[int, npt.NDArray[np.float32]] | None:
        wanted = [i for i, run in enumerate(runs) if not run.ended and frames is not None and frames(i, step)]
        if not wanted:
            return None
        pictures = climb.pictures()
        return {i: pictures[i] for i in wanted}

    if (first := images(0)) is not None:
        yield Step(0, _clean(climb, views, program).score, first)
    results: dict[int, Result] = {}
    for step in range(1, max(recipe.steps for recipe in recipes) + 1):
        if stop():
            raise Stopped
        _feed_step(climb, views, recipes, step, program)
        reading = climb.step()
        broken = [i for i, run in enumerate(runs) if not run.ended and not run.take(reading, i)]
        if broken:
            results |= _end(climb, views, program, runs, broken, before=True)
        objective = np.array([np.nan if run.ended else s for run, s in zip(runs, reading.score, strict=True)])
        pictures = images(step)
        done = [i for i, run in enumerate(runs) if not run.ended and step == run.recipe.steps]
        yield Step(step, objective.astype(np.float32), pictures)
        if done:
            results |= _end(climb, views, program, runs, done, before=False)
        if all(run.ended for run in runs):
            break
    for element in range(len(recipes)):
        yield results[element]


@dataclass
class _Run:
    """One element on its way."""

    recipe: Recipe
    history: list[float] = field(default_factory=list)
    alive: bool = False
    broken: bool = False
    ended: bool = False

    def take(self, reading: Reading, i: int) -> bool:
        """Note a step; return False where it left the finite numbers, and so does not count."""
        if not np.isfinite([reading.score[i], reading.reach[i], reading.extent[i]]).all():
            self.broken = True
            return False
        self.history.append(float(reading.score[i]))
        awake = reading.awake is None or reading.awake[i] > 0
        self.alive |= bool(awake and reading.reach[i] > 0)
        return True

    @property
    def outcome(self) -> Outcome:
        if self.broken:
            return Outcome.NON_FINITE
        return Outcome.CONVERGED if self.alive else Outcome.DEAD_UNIT


def _check(program: Program, recipes: Sequence[Recipe]) -> None:
    if len(recipes) != program.batch:
        raise RecipeError(f"this program renders {program.batch} pictures at once, not {len(recipes)}")
    for recipe in recipes:
        if program_key(recipe) != program.key:
            raise RecipeError(f"a recipe for another program: {program_key(recipe)} is not {program.key}")
        if recipe.steps < 1:
            raise RecipeError(f"an ascent has at least 1 step, not {recipe.steps}")


def _feed_step(climb: Climb, views: Views | None, recipes: Sequence[Recipe], step: int, program: Program) -> None:
    paces = [pace(recipe, step) for recipe in recipes]
    numbers = {
        "rate": [rate for rate, _ in paces],
        "b1": [moments.first for _, moments in paces],
        "b2": [moments.second for _, moments in paces],
    }
    climb.feed({name: np.array(each, np.float32).reshape(-1, 1, 1, 1) for name, each in numbers.items()})
    _feed_redirect(climb, program, redirect=step <= REDIRECTED_STEPS)
    if views is not None:
        for element, recipe in enumerate(recipes):
            views.draw(element, draw(recipe.seed, step))
        climb.feed(views.arrays)


def _feed_redirect(climb: Climb, program: Program, *, redirect: bool) -> None:
    if any(site.rectified for site in program.sites):
        climb.feed({"redirect": np.array([redirect], np.float32)})


def _clean(climb: Climb, views: Views | None, program: Program, *, before: bool = False) -> Reading:
    """Measure the pictures as they are."""
    if views is not None:
        for element in range(program.batch):
            views.look_straight(element)
        climb.feed(views.arrays)
    return climb.measure(before=before)


def _end(
    climb: Climb, views: Views | None, program: Program, runs: Sequence[_Run], elements: Sequence[int], *, before: bool
) -> dict[int, Result]:
    """End the ascent of some elements, with the state after the last step or the one before it."""
    scores = _clean(climb, views, program, before=before).score
    pictures = climb.pictures(before=before)
    results = {}
    for i in elements:
        run = runs[i]
        run.ended = True
        steps = len(run.history)
        results[i] = Result(
            element=i,
            image=pictures[i],
            activation=float(scores[i]),
            history=np.array(run.history, np.float32),
            steps=steps,
            outcome=run.outcome,
            detail=run.outcome.sentence(steps),
        )
    return results
