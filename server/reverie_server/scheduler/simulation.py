"""Foretells when renders begin and end, by simulating the turns that the policy will choose.

The simulation copies the queue and the program cache, with light twins of the renders, and lets the same `Policy` as
the scheduler's choose turn after turn. Its work is bounded: turns become longer the further they are in the future, so
that their number grows with the logarithm of the time; and only the first `MOST` renders are simulated.

Renders of unknown cost are simulated as if they took no time. So what is foretold is never too late because of them,
and no deadline is refused on a guess; the forecasts of renders that end after one of them say that they are not known.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

from reverie_server.scheduler.load_times import LoadTimes
from reverie_server.scheduler.policy import TURN_S, Policy
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.render import Key, Render

#: Renders beyond this many are foretold to follow at the average speed of those before.
MOST = 256
#: The length of a simulated turn, as a share of the time until then, if that is more than `TURN_S`.
COARSE = 0.05
#: Times below this are the rounding errors of sums.
TINY_S = 1e-9

_LOADING: Future[None] = Future()


@dataclass(frozen=True)
class Forecast:
    """What is foretold of a render, in seconds from now."""

    #: How many renders use the device before it begins.
    position: int
    #: When it begins; 0 if it has begun.
    begins_s: float
    #: When it ends, with the time to load its program.
    ends_s: float
    #: Whether its own cost, and that of all renders that end before it, is known; if not, it may end later.
    known: bool


class Twin:
    """A render of the simulation: what the policy reads of a render, and the time that it still needs."""

    __slots__ = (
        *(
            "background",
            "begins_s",
            "begun_at",
            "client",
            "key",
            "known",
            "lane",
            "left_s",
            "length",
            "position",
            "program_bytes",
        ),
        *("render", "step_s", "used_s"),
    )

    def __init__(self, render: Render, *, key: int, lane: Hashable) -> None:
        self.render, self.client, self.background = render, render.client, render.background
        self.key, self.lane, self.length, self.program_bytes = key, lane, render.length, render.program_bytes
        self.begun_at, self.begins_s = render.begun_at, 0.0
        self.known, self.step_s = render.step_s is not None, render.step_s or 0.0
        self.left_s = self.step_s * render.steps_left
        self.used_s = 0.0
        self.position: int | None = None


class Simulation:
    """The future of a scheduler's queue if nothing else arrives. Its user holds the step loop's lock."""

    def __init__(self, policy: Policy[Render], programs: ProgramCache[Key, Any], loads: LoadTimes, now: float) -> None:
        first = list(islice(policy.queue.in_order(), MOST))
        rest = [render for render in policy.queue if render.begun_at is not None] if len(policy.queue) > MOST else []
        simulated = dict.fromkeys([*first, *rest])
        keys = dict.fromkeys([*(render.key for render in simulated), *programs.loaded, *programs.being_loaded])
        #: Small numbers in place of keys and lanes, which take long to hash.
        self._names = {key: number for number, key in enumerate(keys)}
        self._expected = {name: loads.expected_s(key) for key, name in self._names.items()}
        lanes: dict[Hashable, int] = {}
        self._twins = {
            render: Twin(render, key=self._names[render.key], lane=lanes.setdefault(render.lane, len(lanes)))
            for render in simulated
        }
        self._programs: ProgramCache[int, Any] = programs.copy(self._names, None)
        self._queue = policy.queue.copy(self._twins)
        self._policy = Policy(policy.places, self._queue, self._programs)
        self._policy.resume(policy)
        #: When the programs that are being loaded are there.
        self._loads = deque((self._names[key], done_s) for key, done_s in loads.left_s(programs.being_loaded, now))
        self._time_s = 0.0
        self._seen = 0
        self._all_known = True
        self._forecasts: dict[Render, Forecast] = {}
        self._all = list(policy.queue)

    def run(
        self, current: Sequence[Render], turn_left_s: float, *, until: Render | None = None
    ) -> Mapping[Render, Forecast]:
        """Simulate to the end, or until one render has ended; the present turn of `current` goes on for a while."""
        going = [self._twins[render] for render in current if render in self._twins]
        loaded = bool(going) and going[0].key in self._programs.loaded
        if loaded and turn_left_s > 0 and not self._policy.ends_early(going):
            self._turn(going, turn_left_s)
        while self._queue and until not in self._forecasts:
            while (turn := self._policy.schedule()).load is not None:
                self._load(turn.load)
            if turn.renders:
                self._turn(turn.renders, max(TURN_S, COARSE * self._time_s))
            elif self._loads:
                self._time_s = max(self._time_s, self._loads[0][1])
                self._finish_load()
            else:
                break
        if until not in self._forecasts:
            self._extrapolate()
        return self._forecasts

    def _load(self, twin: Twin) -> None:
        begins_s = max(self._time_s, self._loads[-1][1] if self._loads else 0.0)
        self._programs.reserve(twin.key, twin.program_bytes, _LOADING, needed=self._queue.needed)
        self._loads.append((twin.key, begins_s + self._expected[twin.key]))

    def _finish_load(self) -> None:
        self._programs.add(self._loads.popleft()[0], None)

    def _turn(self, twins: Sequence[Twin], length_s: float) -> None:
        """Run a turn: until its time is up, a render ends, or a program that was loaded ends it early."""
        self._programs.use(twins[0].key)
        seen = self._seen
        for twin in twins:
            if twin.position is None:
                twin.position = seen
                self._seen += 1
            if twin.begun_at is None:
                twin.begun_at = twin.begins_s = self._time_s
        step_s = max(twin.step_s for twin in twins)
        shortest_s = min(twin.left_s for twin in twins)
        left_s = min(shortest_s, _whole_steps(length_s, step_s))
        while left_s > 0:
            loaded_s = self._loads[0][1] - self._time_s if self._loads else math.inf
            until_loaded_s = _whole_steps(max(0.0, loaded_s), step_s)
            part_s = min(left_s, until_loaded_s)
            self._pass(twins, part_s)
            left_s -= part_s
            if until_loaded_s > part_s:
                break
            self._finish_load()
            if self._policy.ends_early(twins):
                break
        for twin in twins:
            if twin.left_s <= TINY_S:
                self._end(twin)

    def _pass(self, twins: Sequence[Twin], seconds: float) -> None:
        """Let the renders of a turn use the device."""
        self._time_s += seconds
        self._queue.charge(twins, seconds)
        for twin in twins:
            twin.left_s -= seconds

    def _end(self, twin: Twin) -> None:
        self._queue.remove(twin)
        self._all_known &= twin.known
        assert twin.position is not None
        self._forecasts[twin.render] = Forecast(twin.position, twin.begins_s, self._time_s, self._all_known)

    def _extrapolate(self) -> None:
        """Foretell the renders that were not simulated at the average speed of those that were."""
        each_s, number = self._time_s / max(1, len(self._forecasts)), len(self._forecasts)
        for render in self._all:
            if render not in self._forecasts:
                self._forecasts[render] = Forecast(number, number * each_s, (number + 1) * each_s, self._all_known)
                number += 1


def _whole_steps(seconds: float, step_s: float) -> float:
    """Return a time rounded up to whole steps."""
    if step_s <= 0 or math.isinf(seconds):
        return seconds
    return math.ceil(seconds / step_s - 1e-6) * step_s
