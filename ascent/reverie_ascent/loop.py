"""The loop of the ascent: makes the steps of a batch of pictures, which may join and leave between two steps."""

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
from reverie_ascent.schedule import rate_and_moments
from reverie_ascent.targets import target_inputs

Numbers = npt.NDArray[np.float32]


def never(step: int) -> bool:
    """Return False: no step's frame is requested."""
    return False


@dataclass(eq=False)
class Run:
    """The ascent of one picture; ``frames(step)`` is True for the steps whose frames are requested.

    Step 0 is the initial noise. A run may be suspended and continue in another ascent of the same program: the picture
    is the same, byte for byte.
    """

    recipe: Recipe
    frames: Callable[[int], bool] = never
    history: list[float] = field(default_factory=list)
    alive: bool = False
    broken: bool = False
    #: The optimizer's state while the run is suspended.
    state: Mapping[str, Numbers] | None = None

    @property
    def steps(self) -> int:
        """The number of steps made so far."""
        return len(self.history)

    def record(self, reading: Reading, i: int) -> bool:
        """Record a step and return True; return False, without counting it, if a number of it is not finite."""
        if not np.isfinite([reading.score[i], reading.reach[i], reading.extent[i]]).all():
            self.broken = True
            return False
        self.history.append(float(reading.score[i]))
        awake = reading.awake is None or reading.awake[i] > 0
        self.alive |= bool(awake and reading.reach[i] > 0)
        return True

    @property
    def outcome(self) -> Outcome:
        """How the ascent ended."""
        if self.broken:
            return Outcome.NON_FINITE
        return Outcome.CONVERGED if self.alive else Outcome.DEAD_UNIT


class Ascent:
    """The places of a program's batch and the runs that occupy them.

    A picture does not depend on the other pictures of the batch, or on when they join or leave: a free place is
    computed with the rest, at a learning rate of 0. Not thread-safe: only one thread at a time may use it.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._batch = program.acquire_batch()
        self._views = program.views()
        self._runs: list[Run | None] = [None] * program.batch
        self._targets: dict[str, Array] = {}
        self._fresh: set[int] = set()

    @property
    def places(self) -> int:
        """The number of pictures computed at once."""
        return len(self._runs)

    @property
    def free(self) -> list[int]:
        """The places that no run occupies."""
        return [place for place, run in enumerate(self._runs) if run is None]

    def join(self, run: Run) -> int:
        """Give a run the first free place, from the next step on; raise RecipeError if its recipe does not fit."""
        self._check(run.recipe)
        place, inputs = self.free[0], target_inputs(self.program.targets, [run.recipe])
        for name, row in inputs.items():
            rows = self._targets.setdefault(name, np.zeros((self.places, *row.shape[1:]), row.dtype))
            rows[place] = row[0]
        self._batch.feed(self._targets)
        if run.state is None:
            first = initial_state(run.recipe.seed, self.program.state_shape[1:])
            run.state = {"state": first, "m": np.zeros_like(first), "v": np.zeros_like(first)}
            if run.frames(0):
                self._fresh.add(place)
        self._batch.put(place, run.state)
        run.state = None
        self._runs[place] = run
        return place

    def suspend(self, place: int) -> None:
        """Free a run's place, and store its state in the run so that it can continue."""
        run = self._runs[place]
        assert run is not None
        run.state = None if place in self._fresh else self._batch.get(place)  # its initial noise is not reported yet
        self.leave(place)

    def leave(self, place: int) -> None:
        """Free a place whose run will not continue."""
        self._runs[place] = None
        self._fresh.discard(place)

    def step(self) -> list[Reached | Result]:
        """Make one step of every run; return what each run reached, and a result for each that ended."""
        running = [(place, run) for place, run in enumerate(self._runs) if run is not None]
        reports: list[Reached | Result] = self._report_initial_noise()
        self._feed(running)
        reading = self._batch.step()
        broken = [place for place, run in running if not run.record(reading, place)]
        if broken:
            reports += self._end(broken, before=True)
        finite = [(place, run) for place, run in running if not run.broken]
        pictures = self._batch.pictures() if any(run.frames(run.steps) for _, run in finite) else None
        for place, run in finite:
            image = pictures[place] if pictures is not None and run.frames(run.steps) else None
            reports.append(Reached(place, run.steps, run.history[-1], image))
        if done := [place for place, run in finite if run.steps == run.recipe.steps]:
            reports += self._end(done, before=False)
        return reports

    def close(self) -> None:
        """Return the device's tensors to the program."""
        self.program.release_batch(self._batch)

    def _check(self, recipe: Recipe) -> None:
        if program_key(recipe) != self.program.key:
            raise RecipeError(f"a recipe for another program: {program_key(recipe)} is not {self.program.key}")
        if recipe.steps < 1:
            raise RecipeError(f"an ascent has at least 1 step, not {recipe.steps}")

    def _feed(self, running: Sequence[tuple[int, Run]]) -> None:
        """Set the inputs of a step; at a rate of 0 a free place keeps its state."""
        rate, redirect = (np.zeros(self.places, np.float32) for _ in range(2))
        b1, b2 = (np.ones(self.places, np.float32) for _ in range(2))
        for place, run in running:
            step = run.steps + 1
            rate[place], moments = rate_and_moments(run.recipe, step)
            b1[place], b2[place] = moments.first, moments.second
            redirect[place] = step <= REDIRECTED_STEPS
            if self._views is not None:
                self._views.draw(place, draw(run.recipe.seed, step))
        self._batch.feed({name: x.reshape(-1, 1, 1, 1) for name, x in (("rate", rate), ("b1", b1), ("b2", b2))})
        if "redirect" in self.program.inputs:
            self._batch.feed({"redirect": redirect})
        if self._views is not None:
            self._batch.feed(self._views.arrays)

    def _report_initial_noise(self) -> list[Reached | Result]:
        """Return step 0 of the runs that are about to make their first step and whose frame 0 is requested."""
        if not self._fresh:
            return []
        scores, pictures = self._measure_untransformed(self._fresh, before=False).score, self._batch.pictures()
        reports: list[Reached | Result] = [Reached(i, 0, float(scores[i]), pictures[i]) for i in sorted(self._fresh)]
        self._fresh.clear()
        return reports

    def _measure_untransformed(self, places: Iterable[int], *, before: bool) -> Reading:
        """Measure the objective of some places without transforms."""
        if self._views is not None:
            for place in places:
                self._views.set_identity(place)
            self._batch.feed(self._views.arrays)
        return self._batch.measure(before=before)

    def _end(self, places: Sequence[int], *, before: bool) -> list[Result]:
        """End some runs; their pictures are those after the last step, or ``before`` it."""
        scores, pictures = self._measure_untransformed(places, before=before).score, self._batch.pictures(before=before)
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
    """Render a batch: yield a Step after each step, and at the end a Result for each element, in order.

    ``frames(element, step)`` is True for the frames to return; step 0 is the initial noise and is reported only if its
    frame is requested. ``stop()`` is called before every step; if it returns True the ascent raises Stopped. Elements
    may have different numbers of steps.

    Raises RecipeError for recipes that need another program or do not fit its layers.
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
            reports = ascent.step()
            results |= {report.element: report for report in reports if isinstance(report, Result)}
            for index in (0, step):
                reached = [report for report in reports if isinstance(report, Reached) and report.step == index]
                if index or reached:
                    yield _together(index, reached, len(recipes))
    yield from (results[element] for element in range(len(recipes)))


def _together(index: int, reached: Sequence[Reached], elements: int) -> Step:
    objective = np.full(elements, np.nan, np.float32)
    for report in reached:
        objective[report.element] = report.objective
    images = {report.element: report.image for report in reached if report.image is not None}
    return Step(index, objective, images or None)
