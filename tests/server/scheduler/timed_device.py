"""A simulated device with a clock: a real scheduler, programs that take time to load, and steps that take time.

It runs turns step by step, independently of the simulation that foretells them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

from reverie_server.errors import Fault
from reverie_server.limits import Limits
from reverie_server.scheduler.policy import TURN_S
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.scheduler import Scheduler

from tests.server.scheduler.device import ROOMY


@dataclass(order=True)
class Arrival:
    """A render that is submitted at a time, and what becomes of it."""

    at: float
    render: Render = field(compare=False)
    deadline_s: float | None = field(default=None, compare=False)
    ended_at: float | None = field(default=None, compare=False)
    refusal: Fault | None = field(default=None, compare=False)

    @property
    def taken_s(self) -> float:
        assert self.ended_at is not None, self.refusal
        return self.ended_at - self.at


class TimedDevice:
    """Makes the steps of renders; `step_s` and `load_s` return the times of a layer's program."""

    def __init__(
        self,
        places: int = 1,
        *,
        step_s: Callable[[str], float],
        load_s: Callable[[str], float] = lambda layer: 0.0,
        limits: Limits = ROOMY,
        room: int = 2**30,
    ) -> None:
        self.now = 0.0
        self.programs: ProgramCache[Key, Any] = ProgramCache(room)
        self.scheduler = Scheduler(places, limits, self.programs)
        self._step_s, self._load_s = step_s, load_s
        self._coming: list[Arrival] = []
        self._live: dict[Render, Arrival] = {}
        #: The programs that are being loaded, and when the first one is done.
        self._loads: list[Render] = []
        self._loaded_at = 0.0
        self._changed = False

    def submit(self, *arrivals: Arrival) -> None:
        self._coming = sorted([*self._coming, *arrivals])

    def run(self, seconds: float = float("inf")) -> None:
        """Make turns until some time has passed, or everything is done."""
        end = self.now + seconds
        while self.now < end and (self._coming or self._live):
            self._pass_to(self.now)
            while (turn := self.scheduler.schedule()).load is not None:
                self._start_to_load(turn.load)
            if turn.renders:
                self._turn(list(turn.renders))
                continue
            times = [each.at for each in self._coming[:1]] + [self._loaded_at for _ in self._loads[:1]]
            self._pass_to(max(self.now, min(times)))

    def _turn(self, renders: list[Render]) -> None:
        self.programs.use(renders[0].key)
        for each in renders:
            each.begun_at = self.now if each.begun_at is None else each.begun_at
        until, self._changed = self.now + TURN_S, False
        self.scheduler.begin_turn(until)
        while renders:
            step_s = self._step_s(_layer(renders[0]))
            self._pass_to(self.now + step_s)
            self.scheduler.queue.charge(renders, step_s)
            self.scheduler.step_times.learn(renders[0].key, step_s, self.now, first=False)
            for each in list(renders):
                each.run.history.append(0.0)
                if not each.steps_left:
                    renders.remove(each)
                    self.scheduler.finish(each)
                    self._live.pop(each).ended_at = self.now
                    self._changed = True
            changed, self._changed = self._changed, False
            if self.now >= until or (renders and changed and self.scheduler.ends_early(renders)):
                break

    def _pass_to(self, time: float) -> None:
        """Let renders arrive and programs be loaded up to a time."""
        while True:
            arrives = self._coming[0].at if self._coming else float("inf")
            loaded = self._loaded_at if self._loads else float("inf")
            if min(arrives, loaded) > time:
                break
            self._changed = True
            if arrives <= loaded:
                self._arrive(self._coming.pop(0))
            else:
                self._finish_loading()
        self.now = time

    def _arrive(self, arrival: Arrival) -> None:
        try:
            self.scheduler.add(arrival.render, arrival.at, deadline_s=arrival.deadline_s)
        except Fault as fault:
            arrival.refusal = fault
        else:
            self._live[arrival.render] = arrival

    def _start_to_load(self, render: Render) -> None:
        self.programs.reserve(render.key, render.program_bytes, Future(), needed=self.scheduler.queue.needed)
        self._loads.append(render)
        if len(self._loads) == 1:
            self._begin_to_load(self.now)

    def _begin_to_load(self, now: float) -> None:
        self.scheduler.loads.begin(now)
        self._loaded_at = now + self._load_s(_layer(self._loads[0]))

    def _finish_loading(self) -> None:
        key = self._loads.pop(0).key
        self.scheduler.loads.end(key, self._loaded_at)
        self.programs.add(key, cast(Any, object()))
        if self._loads:
            self._begin_to_load(self._loaded_at)


def _layer(render: Render) -> str:
    return render.request.recipe.terms[0].layer


def ratios(arrivals: list[Arrival]) -> Mapping[Render, float]:
    """Return foretold time over taken time of the renders that were done and whose end was foretold."""
    return {
        each.render: each.render.foretold_s / each.taken_s
        for each in arrivals
        if each.ended_at is not None and each.render.foretold_s is not None
    }
