"""Runs one turn: gives renders places in a batch and makes their steps until other renders are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reverie_ascent import Reached, Result
from reverie_ascent.recipe import RecipeError

from reverie_server.errors import Interrupted
from reverie_server.request.events import Rendering
from reverie_server.scheduler.batch import Batch
from reverie_server.scheduler.estimate import Estimates
from reverie_server.scheduler.policy import TURN_S
from reverie_server.scheduler.progress import post_positions, post_step, rendering
from reverie_server.scheduler.queue_position import Moved
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.shared_state import SharedState


class Turns:
    """Makes the steps of a turn in the step loop's thread, and ends every render that has a place."""

    def __init__(self, state: SharedState, estimates: Estimates, *, race_point: Callable[[str], None]) -> None:
        self._state, self._estimates, self._race_point = state, estimates, race_point

    def take(self, key: Key, renders: Sequence[Render]) -> None:
        """Make steps with active renders of one loaded program until their turn is over."""
        since = self._state.clock()
        with self._state.lock:
            batch = self._state.programs.use(key)
        self._give_places(batch, renders)
        with self._state.lock:
            until = self._state.clock() + TURN_S
            self._state.scheduler.begin_turn(until)
        while True:
            self._end_stopped()
            if not batch.renders:
                break
            since = self._step(batch, since=since)
            if self._state.clock() >= until or self._is_over(batch):
                break

    def give_up(self, key: Key, error: BaseException) -> None:
        """Drop a program whose batch raised an error, and end all renders that had a place in it with that error."""
        self._race_point("finish")
        self._state.fail(key, error, active=True)

    def _give_places(self, batch: Batch, renders: Sequence[Render]) -> None:
        """Give places in a batch to renders that have none, and suspend other renders if no place is free."""
        coming = [render for render in renders if render.place is None]
        others = [render for render in batch.renders.values() if render not in renders]
        for render in others[: max(0, len(coming) - batch.free)]:
            batch.suspend(render)
            with self._state.lock:
                render.active = render.stopped  # from here on `StepLoop.stop` ends it, unless it was called before
            if render.active:
                self._end(render, Interrupted())
        for render in coming:
            self._race_point("admit")
            if render.stopped:
                self._end(render, Interrupted())
                continue
            try:
                batch.join(render)
            except RecipeError as error:
                self._end(render, error)
                continue
            if render.begun_at is None:
                self._begin(render)

    def _begin(self, render: Render) -> None:
        with self._state.lock:
            render.begun_at = self._state.clock()
        self._state.observer.waited(render.begun_at - render.submitted_at)
        if render.position:
            post_positions([Moved(render, 0, render.remaining_s)])

    def _end_stopped(self) -> None:
        """End the renders that were asked to stop, in all batches."""
        with self._state.lock:
            batches = list(self._state.programs)
        for batch in batches:
            for render in [render for render in batch.renders.values() if render.stopped]:
                batch.leave(render)
                self._end(render, Interrupted())

    def _step(self, batch: Batch, *, since: float) -> float:
        """Make one step of all renders that have a place, charge them for it, and report the outcomes.

        `since` is when the last step ended, and the end of this one is returned: what lies between two steps delays
        the renders too, so it is learned as a part of a step.
        """
        self._race_point("step")
        state, renders = self._state, list(batch.renders.values())
        first = not batch.stepped
        begun_at = state.clock()
        outcomes = batch.step()
        ended_at = state.clock()
        took_s = ended_at - begun_at
        stepped = [render for render, outcome in outcomes if isinstance(outcome, Reached) and outcome.step]
        state.observer.stepped(took_s, len(stepped))
        with state.lock:
            state.scheduler.queue.charge(renders, took_s)
            self._estimates.learn(renders[0].request, ended_at - since, ended_at, first=first)
            state.scheduler.expect_steps(renders)
            late = sum(render.stopped for render in stepped)
            state.stats = state.stats.after_step(renders=len(stepped), late=late, took_s=took_s)
        for render, outcome in outcomes:
            assert render.begun_at is not None
            elapsed_s = state.clock() - render.begun_at
            if isinstance(outcome, Result):
                self._end(render, rendering(render, outcome, elapsed_s=elapsed_s))
            else:
                post_step(render, outcome, elapsed_s=elapsed_s)
        return ended_at

    def _is_over(self, batch: Batch) -> bool:
        """Return whether a turn must end early, because another render may join or has priority."""
        state = self._state
        with state.lock:
            changed, state.changed = state.changed, False
            over = changed and state.scheduler.ends_early(list(batch.renders.values()))
            moved = state.scheduler.positions.moved(state.clock())
        post_positions(moved)
        return over

    def _end(self, render: Render, end: Rendering | BaseException) -> None:
        self._race_point("finish")
        self._state.end(render, end)
