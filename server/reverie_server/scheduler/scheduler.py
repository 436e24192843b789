"""Admits renders, gives them turns by the policy, and foretells when they begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from reverie_server.limits import Limits
from reverie_server.scheduler.admission import Admission, check_deadline
from reverie_server.scheduler.load_times import LoadTimes
from reverie_server.scheduler.policy import TURN_S, Policy, Turn
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.queue import RenderQueue
from reverie_server.scheduler.queue_position import Positions
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.simulation import Forecast, Simulation
from reverie_server.scheduler.step_times import StepTimes

#: The age in seconds up to which forecasts serve for retry times, which need not be exact: refusals must be cheap.
FRESH_S = 1.0


class Scheduler(Policy[Render]):
    """Decides which renders are admitted, which of them have the next turn, and which programs to load.

    It has no thread, no lock and no clock: the caller passes the time, makes the steps and loads the programs. The step
    loop's lock guards it.
    """

    def __init__(self, places: int, limits: Limits, programs: ProgramCache[Key, Any]) -> None:
        super().__init__(places, RenderQueue(), programs)
        self._cache = programs
        self._admission = Admission(limits)
        self.loads, self.step_times = LoadTimes(), StepTimes()
        self.positions = Positions(self.foretell)
        #: The renders of the present turn, and when it must end; None before its first step.
        self._current: Sequence[Render] = ()
        self._until: float | None = None
        #: The last forecasts of all renders, and when they were made.
        self._forecasts: Mapping[Render, Forecast] = {}
        self._foretold_at = -inf

    # ----- the queue -----

    def add(self, render: Render, now: float, *, deadline_s: float | None = None) -> None:
        """Add a render to the queue, and set its position.

        Raises QueueFull if too many wait, and TooLate if the picture is unlikely to be done in `deadline_s` seconds.
        """
        self._admission.check(self.queue, render.client, now, foretell=self._recent)
        self.queue.add(render)
        try:
            forecast = self.foretell(now, until=render)[render]
            check_deadline(render, forecast, deadline_s)
        except BaseException:
            self.queue.remove(render)
            raise
        render.submitted_at, render.position = now, forecast.position
        render.expect(forecast.ends_s - forecast.begins_s)
        render.foretold_s = forecast.ends_s if forecast.known else None
        self.positions.change()

    def promote(self, render: Render, *, client: str) -> bool:
        """Make a waiting background render an interactive one of a client; return whether that was possible.

        It keeps its place in the order of arrival. If no more renders of that client may wait, it stays in the
        background.
        """
        promotable = render in self.queue and render.background and render.begun_at is None
        if not promotable or not self._admission.has_room(self.queue, client):
            return False

        def change() -> None:
            render.client, render.job, render.background = client, "", False

        self.queue.move(render, change)
        self.positions.change()
        return True

    def finish(self, render: Render) -> None:
        """Remove a render that is done."""
        self.queue.remove(render)
        self.positions.change()

    # ----- turns -----

    def schedule(self) -> Turn[Render]:
        """Choose the next turn."""
        turn = super().schedule()
        self._current, self._until = turn.renders, None
        return turn

    def begin_turn(self, until: float) -> None:
        """Note that the steps of the turn that was chosen begin, and when it must end."""
        self._until = until

    # ----- the future -----

    def expect_steps(self, renders: Iterable[Render]) -> None:
        """Expect of some renders that their steps take as long as the last steps of their programs."""
        for render in renders:
            render.step_s = self.step_times.expected_s(render.key) or render.step_s

    def foretell(self, now: float, *, until: Render | None = None) -> Mapping[Render, Forecast]:
        """Return when renders begin and end if no more arrive: all, or at least the one given by `until`."""
        self.expect_steps(self.queue)
        simulation = Simulation(self, self._cache, self.loads, now)
        left_s = TURN_S if self._until is None else self._until - now
        forecasts = simulation.run(self._current, left_s, until=until)
        if until is None:
            self._forecasts, self._foretold_at = forecasts, now
        return forecasts

    def _recent(self, now: float) -> Mapping[Render, Forecast]:
        """Return forecasts that may be up to `FRESH_S` old."""
        return self._forecasts if now - self._foretold_at <= FRESH_S else self.foretell(now)
