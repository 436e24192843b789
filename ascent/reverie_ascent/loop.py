"""The ascent: step after step, with pictures that join a batch and leave it between two steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from reverie_ascent.program import Program, Reading, program_key
from reverie_ascent.program.redirect import STEPS as REDIRECTED_STEPS
from reverie_ascent.random import draw, initial_state
from reverie_ascent.recipe import Recipe, RecipeError
from reverie_ascent.result import Outcome, Reached, Result, Step, Stopped
from reverie_ascent.runtime.session import Array
from reverie_ascent.schedule import pace
from reverie_ascent.targets import goals

Numbers = npt.NDArray[np.float32]


def never(step: int) -> bool:
    """Want no frame of any step."""
    return False


@dataclass(eq=False)
class Run:
    """One picture on its way; ``frames(step)`` says after which steps it is wanted, 0 for the first noise.

    It may leave one ascent and go on in another of the same program, and becomes the same picture.
    """

    recipe: Recipe
    frames: Callable[[int], bool] = never
    history: list[float] = field(default_factory=list)
    alive: bool = False
    broken: bool = False
    #: Where it is while it is suspended.
    state: Mapping[str, Numbers] | None = None

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.history)

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
        """How it ended."""
        if self.broken:
            return Outcome.NON_FINITE
        return Outcome.CONVERGED if self.alive else Outcome.DEAD_UNIT


class Ascent:
    """The places of a program's batch, and who climbs in them.

    What becomes of a picture does not depend on the others, nor on when they come and go: a place that nobody has is
    computed too, and frozen. Belongs to one thread at a time.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._climb = program.climb()
        self._views = program.views()
        self._runs: list[Run | None] = [None] * program.batch
        self._goals: dict[str, Array] = {}
        self._fresh: set[int] = set()

    @property
    def places(self) -> int:
        """How many can climb at once."""
        return len(self._runs)

    @property
    def free(self) -> list[int]:
        """The places that nobody has."""
        return [place for place, run in enumerate(self._runs) if run is None]

    def join(self, run: Run) -> int:
        """Give a run the first free place, from the next step on; raise RecipeError for a recipe that does not fit."""
        self._check(run.recipe)
        place, mine = self.free[0], goals(self.program.sites, [run.recipe])
        for name, row in mine.items():
            rows = self._goals.setdefault(name, np.zeros((self.places, *row.shape[1:]), row.dtype))
            rows[place] = row[0]
        self._climb.feed(self._goals)
        if run.state is None:
            first = initial_state(run.recipe.seed, self.program.state_shape[1:])
            run.state = {"state": first, "m": np.zeros_like(first), "v": np.zeros_like(first)}
            if run.frames(0):
                self._fresh.add(place)
        self._climb.put(place, run.state)
        run.state = None
        self._runs[place] = run
        return place

    def suspend(self, place: int) -> None:
        """Let a run leave its place, with all that it needs to go on."""
        run = self._runs[place]
        assert run is not None
        run.state = None if place in self._fresh else self._climb.get(place)  # the first noise is still to be told
        self.leave(place)

    def leave(self, place: int) -> None:
        """Free a place; its run is not to go on."""
        self._runs[place] = None
        self._fresh.discard(place)

    def step(self) -> list[Reached | Result]:
        """Go one step with all that have a place; return what each reached, and a result for those that ended."""
        running = [(place, run) for place, run in enumerate(self._runs) if run is not None]
        told: list[Reached | Result] = self._first_noise()
        self._feed(running)
        reading = self._climb.step()
        broken = [place for place, run in running if not run.take(reading, place)]
        if broken:
            told += self._end(broken, before=True)
        going = [(place, run) for place, run in running if not run.broken]
        pictures = self._climb.pictures() if any(run.frames(run.steps) for _, run in going) else None
        for place, run in going:
            image = pictures[place] if pictures is not None and run.frames(run.steps) else None
            told.append(Reached(place, run.steps, run.history[-1], image))
        if done := [place for place, run in going if run.steps == run.recipe.steps]:
            told += self._end(done, before=False)
        return told

    def close(self) -> None:
        """Give the device's tensors back to the program."""
        self.program.rest(self._climb)

    def _check(self, recipe: Recipe) -> None:
        if program_key(recipe) != self.program.key:
            raise RecipeError(f"a recipe for another program: {program_key(recipe)} is not {self.program.key}")
        if recipe.steps < 1:
            raise RecipeError(f"an ascent has at least 1 step, not {recipe.steps}")

    def _feed(self, running: Sequence[tuple[int, Run]]) -> None:
        """Feed what a step takes; a place that nobody has keeps what it holds, at rate 0."""
        rate, redirect = (np.zeros(self.places, np.float32) for _ in range(2))
        b1, b2 = (np.ones(self.places, np.float32) for _ in range(2))
        for place, run in running:
            step = run.steps + 1
            rate[place], moments = pace(run.recipe, step)
            b1[place], b2[place] = moments.first, moments.second
            redirect[place] = step <= REDIRECTED_STEPS
            if self._views is not None:
                self._views.draw(place, draw(run.recipe.seed, step))
        self._climb.feed({name: x.reshape(-1, 1, 1, 1) for name, x in (("rate", rate), ("b1", b1), ("b2", b2))})
        if any(site.rectified for site in self.program.sites):
            self._climb.feed({"redirect": redirect})
        if self._views is not None:
            self._climb.feed(self._views.arrays)

    def _first_noise(self) -> list[Reached | Result]:
        """Tell of those that are about to make their first step, and whose picture is wanted before it."""
        if not self._fresh:
            return []
        scores, pictures = self._clean(self._fresh, before=False).score, self._climb.pictures()
        told: list[Reached | Result] = [Reached(i, 0, float(scores[i]), pictures[i]) for i in sorted(self._fresh)]
        self._fresh.clear()
        return told

    def _clean(self, places: Iterable[int], *, before: bool) -> Reading:
        """Measure the pictures of some places as they are."""
        if self._views is not None:
            for place in places:
                self._views.look_straight(place)
            self._climb.feed(self._views.arrays)
        return self._climb.measure(before=before)

    def _end(self, places: Sequence[int], *, before: bool) -> list[Result]:
        """End the ascent of some, with the state after the last step or the one before it."""
        scores, pictures = self._clean(places, before=before).score, self._climb.pictures(before=before)
        results = []
        for place in places:
            run = self._runs[place]
            assert run is not None
            results.append(
                Result(
                    element=place,
                    image=pictures[place],
                    activation=float(scores[place]),
                    history=np.array(run.history, np.float32),
                    steps=run.steps,
                    outcome=run.outcome,
                    detail=run.outcome.sentence(run.steps),
                )
            )
            self.leave(place)
        return results


def ascend(
    program: Program,
    recipes: Sequence[Recipe],
    *,
    frames: Callable[[int, int], bool] = lambda element, step: False,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Step | Result]:
    """Carry a batch uphill: yield a Step after each step, and at the end a Result for each element, in order.

    ``frames(element, step)`` says which pictures to return on the way; step 0 is the first noise, and is told only if
    its picture is wanted. ``stop()`` is asked before every step. Elements may have different numbers of steps.

    Raises RecipeError for recipes that are not the program's or do not fit its layers, and Stopped.
    """
    if len(recipes) != program.batch:
        raise RecipeError(f"this program renders {program.batch} pictures at once, not {len(recipes)}")
    results: dict[int, Result] = {}
    with closing(Ascent(program)) as ascent:
        for element, recipe in enumerate(recipes):
            ascent.join(Run(recipe, partial(frames, element)))
        step = 0
        while len(results) < len(recipes):
            if stop():
                raise Stopped
            step += 1
            told = ascent.step()
            results |= {said.element: said for said in told if isinstance(said, Result)}
            for index in (0, step):
                reached = [said for said in told if isinstance(said, Reached) and said.step == index]
                if index or reached:
                    yield _together(index, reached, len(recipes))
    yield from (results[element] for element in range(len(recipes)))


def _together(index: int, reached: Sequence[Reached], elements: int) -> Step:
    objective = np.full(elements, np.nan, np.float32)
    for said in reached:
        objective[said.element] = said.objective
    return Step(index, objective, {said.element: said.image for said in reached if said.image is not None} or None)
