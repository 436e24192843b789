"""The loop of the ascent: makes the steps of a batch of pictures, which may join and leave between two steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial

import numpy as np
import numpy.typing as npt

from reverie_ascent import schedule
from reverie_ascent.program import Program, Reading, optimizers, program_key
from reverie_ascent.program.redirect import STEPS as REDIRECTED_STEPS
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe, RecipeError
from reverie_ascent.result import Reached, Result, Step, Stopped
from reverie_ascent.run import Run
from reverie_ascent.runtime.session import Array
from reverie_ascent.targets import target_inputs

Numbers = npt.NDArray[np.float32]

#: How many draws of the transforms `Result.robustness` is the mean of, and their seed.
ROBUSTNESS_VIEWS, ROBUSTNESS_SEED = 64, 0


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
        inputs |= self._penalty_inputs(run.recipe)
        for name, rows in inputs.items():
            count = len(rows)
            every = self._targets.setdefault(name, np.zeros((self.places * count, *rows.shape[1:]), rows.dtype))
            every[place * count : (place + 1) * count] = rows
        self._batch.feed(self._targets)
        if run.state is None:
            run.state = self.program.first_state(run.seed)
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
        finite = [(place, run) for place, run in running if not run.broken and place not in broken]
        pictures = self._batch.pictures() if any(run.frames(run.steps) for _, run in finite) else None
        for place, run in finite:
            image = pictures[place, 0] if pictures is not None and run.frames(run.steps) else None
            reports.append(Reached(place, run.steps, run.history[-1], image))
        self._check_activations([(place, run) for place, run in finite if not run.attempt_is_over])
        if done := [place for place, run in finite if run.attempt_is_over]:
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

    def _penalty_inputs(self, recipe: Recipe) -> dict[str, Array]:
        """Return the inputs of the penalties: their weights are divided among the pictures and negative."""
        count, arrays = recipe.pictures, {}
        for i, penalty in enumerate(recipe.penalties):
            arrays[f"penalty{i}.weight"] = np.full(count, -penalty.weight / count, np.float32)
            arrays[f"penalty{i}.constant"] = np.full(count, penalty.constant, np.float32)
        return arrays

    def _feed(self, running: Sequence[tuple[int, Run]]) -> None:
        """Set the inputs of a step; a free place keeps its state."""
        key, idle = self.program.key, optimizers.idle(self.program.key.optimizer)
        numbers = {name: np.full((self.places, key.pictures), value, np.float32) for name, value in idle.items()}
        redirect = np.zeros((self.places, key.network_pictures), np.float32)
        for place, run in running:
            step = len(run.history) + 1
            rate = schedule.rate(run.recipe, step)
            for name, value in optimizers.coefficients(run.recipe.optimizer, rate, step).items():
                numbers[name][place] = value
            redirect[place] = step <= REDIRECTED_STEPS
            self._draw(place, run.seed, step, run.recipe.steps)
        self._batch.feed({name: each.reshape(-1, 1, 1, 1) for name, each in numbers.items()})
        if "redirect" in self.program.inputs:
            self._batch.feed({"redirect": redirect.reshape(-1)})
        if self._views is not None:
            self._batch.feed(self._views.arrays)

    def _draw(self, place: int, seed: int, step: int, steps: int) -> None:
        """Draw the transforms of all views of a render's pictures: every picture of a group gets the same ones."""
        if self._views is None:
            return
        for picture in range(self.program.key.pictures):
            for view in range(self.program.key.views):
                row = (place * self.program.key.pictures + picture) * self.program.key.views + view
                self._views.draw(row, Draws(seed, step, view=view), step, steps)

    def _check_activations(self, running: Sequence[tuple[int, Run]]) -> None:
        """Note which runs have reached their `stop_at` without transforms, if they have with them."""
        near = [
            (place, run, run.recipe.stop_at)
            for place, run in running
            if run.recipe.stop_at is not None and run.history[-1] >= run.recipe.stop_at
        ]
        if near:
            scores = self._measure_untransformed([place for place, _, _ in near], before=False).score
            for place, run, wanted in near:
                run.reached = bool(scores[place] >= wanted)

    def _report_initial_noise(self) -> list[Reached | Result]:
        """Return step 0 of the runs that are about to make their first step and whose frame 0 is requested."""
        if not self._fresh:
            return []
        scores, pictures = self._measure_untransformed(self._fresh, before=False).score, self._batch.pictures()
        reports: list[Reached | Result] = [Reached(i, 0, float(scores[i]), pictures[i, 0]) for i in sorted(self._fresh)]
        self._fresh.clear()
        return reports

    def _measure_untransformed(self, places: Iterable[int], *, before: bool) -> Reading:
        """Measure the objective of some places without transforms."""
        if self._views is not None:
            rows = self.program.key.network_pictures
            for place in places:
                for row in range(place * rows, (place + 1) * rows):
                    self._views.set_identity(row)
            self._batch.feed(self._views.arrays)
        return self._batch.measure(before=before)

    def _end(self, places: Sequence[int], *, before: bool) -> list[Result]:
        """End attempts; their pictures are those after the last step, or ``before`` it.

        Return the results of the runs whose last attempt it was; the others begin the next one.
        """
        scores, pictures = self._measure_untransformed(places, before=before).score, self._batch.pictures(before=before)
        robust = self._robustness(places, scores, before=before)
        results = []
        for place in places:
            run = self._runs[place]
            assert run is not None
            result = Result(
                element=place,
                images=pictures[place],
                activation=float(scores[place]),
                history=np.array(run.history, np.float32),
                steps=len(run.history),
                outcome=run.outcome,
                detail=run.outcome.sentence(len(run.history)),
                seed=run.seed,
                importance=self._batch.importance(place, before=before) if run.recipe.importance else None,
                robustness=robust.get(place),
            )
            if run.take(result):
                self._batch.put(place, self.program.first_state(run.seed))
            else:
                assert run.best is not None
                results.append(run.best)
                self.leave(place)
        return results

    def _robustness(self, places: Sequence[int], scores: Numbers, *, before: bool) -> dict[int, float]:
        """Return the mean objective under fixed draws over ``scores``, for the renders whose recipes ask for it."""
        asked = {place: run for place in places if (run := self._runs[place]) is not None and run.recipe.robustness}
        if not asked or self._views is None:
            return {}
        measured = []
        for n in range(-(-ROBUSTNESS_VIEWS // self.program.key.views)):
            for place, run in asked.items():
                self._draw(place, ROBUSTNESS_SEED, n + 1, run.recipe.steps)
            self._batch.feed(self._views.arrays)
            measured.append(self._batch.measure(before=before).score)
        mean = np.mean(measured, axis=0)
        return {place: float(mean[place] / scores[place]) for place in asked}


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
