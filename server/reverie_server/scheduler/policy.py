"""The policy of the device: which renders have the next turn, and which program is loaded.

The scheduler uses it for the turns of the device, and a simulation uses it to foretell them: see `simulation`. The
device works in turns. The renders of one program share a turn, as many as its batch has places. `queue` decides their
order. These rules bound every wait:

* While background renders are passed over, they get one turn after every `PASSES` interactive turns.
* The number of renders that have begun and not ended is bounded. If a render cannot begin because of that, or because
  its program has no room in memory, no render behind it may begin, so that room for it becomes free in the end.
* Above that bound one more may begin if all that have begun take longer by their class: a short render does not wait
  for long ones to end, however many there are.
* A new client starts at the smallest charge of the others, not at zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, Protocol

from reverie_server.scheduler.program_cache import Readiness
from reverie_server.scheduler.queue import R, RenderQueue

#: The length of a turn while other renders wait, in seconds; a step that has begun is finished.
TURN_S = 0.5
#: After this many interactive turns a waiting background render gets one.
PASSES = 8
#: Renders beyond the places of a batch that may have begun and not ended; bounded because each holds state in memory.
SUSPENDED = 3
#: Of all renders that may have begun, how many must be interactive.
RESERVED = 2


def length_class(seconds: float | None) -> float:
    """Return the class of a render's time on the device: 0 below 2 s, 1 below 8 s, 2 below 32 s and so on.

    An unknown time is in the longest class.
    """
    return inf if seconds is None else int(seconds).bit_length() // 2


class Programs(Protocol):
    """The programs that are loaded: a `ProgramCache`."""

    def readiness(self, key: Any, weight: int, *, needed: Collection[Any]) -> Readiness:
        """Return whether a program can run."""


@dataclass(frozen=True)
class Turn(Generic[R]):
    """What to do next: load the program of `load` and call `schedule` again, or, if it is None, step `renders`.

    The renders are of one program. There are none if none is ready.
    """

    renders: Sequence[R] = ()
    load: R | None = None


class Policy(Generic[R]):
    """Chooses turns for the renders of a queue. It has no clock: its user makes the steps and loads the programs."""

    def __init__(self, places: int, queue: RenderQueue[R], programs: Programs) -> None:
        self.places = places
        self.queue = queue
        self._programs = programs
        #: Turns in which background renders were passed over, and whether the present turn was owed to them.
        self._passed = 0
        self._owed = False

    def schedule(self) -> Turn[R]:
        """Choose the next turn."""
        self._owed = self._passed >= PASSES
        turn = self._choose(background_first=self._owed)
        if turn.renders:
            passed_over = not turn.renders[0].background and self.queue.has_background
            self._passed = self._passed + 1 if passed_over else 0
        return turn

    def ends_early(self, renders: Sequence[R]) -> bool:
        """Return whether the turn of some renders must end because of a change: another may join, or has priority."""
        return len(renders) < self.places or self.must_yield(renders)

    def must_yield(self, renders: Sequence[R]) -> bool:
        """Return whether the turn of some renders must end because an interactive render, or its program, is waiting.

        A turn that was owed to background renders does not end.
        """
        if self._owed or not all(render.background for render in renders):
            return False
        better = self._choose()
        return better.load is not None or (bool(better.renders) and not better.renders[0].background)

    def resume(self, other: Policy[Any]) -> None:
        """Continue where another policy is in the alternation of the two classes."""
        self._passed, self._owed = other._passed, other._owed

    def _choose(self, *, background_first: bool = False) -> Turn[R]:
        chosen: list[R] = []
        have_begun = [render for render in self.queue if render.begun_at is not None]
        begun = Counter(render.background for render in have_begun)
        shortest = {False: inf, True: inf}
        for render in have_begun:
            shortest[render.background] = min(shortest[render.background], render.length)
        most, needed = self.places + SUSPENDED, {render.key for render in have_begun}
        closed: set[bool] = set()  # the values of `background` of which no more renders may begin
        blocked = False  # whether no render may begin any more, because one before it waits for memory
        for render in self.queue.in_order(background_first=background_first):
            if len(chosen) == self.places:
                break
            if chosen and render.key != chosen[0].key:
                continue
            if render.begun_at is None:
                if blocked:
                    continue
                background = render.background
                if background not in closed and (
                    begun.total() >= most or (background and begun[True] >= most - RESERVED)
                ):
                    closed.add(background)
                if background in closed and render.length >= shortest[background]:
                    continue
            match self._programs.readiness(render.key, render.program_bytes, needed=needed):
                case Readiness.READY:
                    chosen.append(render)
                    if render.begun_at is None:
                        begun[render.background] += 1
                        shortest[render.background] = min(shortest[render.background], render.length)
                case Readiness.LOADABLE:
                    return Turn(load=render)
                case Readiness.NO_ROOM:
                    blocked = True
                case Readiness.LOADING:
                    pass
        return Turn(chosen)
