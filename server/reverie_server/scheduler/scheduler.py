"""Chooses what the device does next: interactive renders first, fair shares for clients, and no render waits forever.

The device works in turns. The renders of one program share a turn, as many as its batch has places. `queue` decides
their order. Three rules bound every wait:

* While background renders are passed over, they get one turn after every `PASSES` interactive turns.
* The number of renders that have begun and not ended is bounded. If a render cannot begin because of that, or because
  its program has no room in memory, no render behind it may begin, so that room for it becomes free in the end.
* A new client starts at the smallest charge of the others, not at zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reverie_server.limits import Limits
from reverie_server.scheduler.admission import Admission, check_deadline
from reverie_server.scheduler.program_cache import ProgramCache, Readiness
from reverie_server.scheduler.queue import RenderQueue
from reverie_server.scheduler.queue_position import Positions
from reverie_server.scheduler.render import Render

#: After this many interactive turns a waiting background render gets one.
PASSES = 8
#: Renders beyond the places of a batch that may have begun and not ended; bounded because each holds state in memory.
SUSPENDED = 3
#: Of all renders that may have begun, how many must be interactive.
RESERVED = 2


@dataclass(frozen=True)
class Turn:
    """What to do next: load the program of `load` and call `schedule` again, or, if it is None, step `renders`.

    The renders are of one program. There are none if none is ready.
    """

    renders: Sequence[Render] = ()
    load: Render | None = None


class Scheduler:
    """Decides which renders are admitted, which of them have the next turn, and which programs to load.

    It has no thread, no lock and no clock: the caller passes the time, makes the steps and loads the programs. The step
    loop's lock guards it.
    """

    def __init__(self, places: int, limits: Limits, programs: ProgramCache) -> None:
        self.queue = RenderQueue(places)
        self._places = places
        self._programs = programs
        self._admission = Admission(limits)
        self.positions = Positions(self.queue)
        #: Turns in which background renders were passed over, and whether the present turn was owed to them.
        self._passed = 0
        self._owed = False

    # ----- the queue -----

    def add(self, render: Render, now: float, *, deadline_s: float | None = None) -> None:
        """Add a render to the queue, and set its position.

        Raises QueueFull if too many wait, and TooLate if the picture is unlikely to be done in `deadline_s` seconds.
        """
        self._admission.check(self.queue, render.client, now)
        self.queue.add(render)
        try:
            ahead = self.queue.ahead()[render]
            check_deadline(render, ahead, deadline_s)
        except BaseException:
            self.queue.remove(render)
            raise
        render.submitted_at, render.position = now, ahead.renders
        self.positions.change()

    def promote(self, render: Render, *, client: str) -> bool:
        """Make a waiting background render an interactive one of a client; return whether that was possible.

        It keeps its place in the order of arrival. If no more renders of that client may wait, it stays in the
        background.
        """
        promotable = render in self.queue and render.background and render.begun_at is None
        if not promotable or not self._admission.has_room(self.queue, client):
            return False
        self.queue.promote(render, client)
        self.positions.change()
        return True

    def finish(self, render: Render) -> None:
        """Remove a render that is done."""
        self.queue.remove(render)
        self.positions.change()

    # ----- turns -----

    def schedule(self) -> Turn:
        """Choose the next turn."""
        self._owed = self._passed >= PASSES
        turn = self._choose(background_first=self._owed)
        if turn.renders:
            passed_over = not turn.renders[0].background and any(render.background for render in self.queue)
            self._passed = self._passed + 1 if passed_over else 0
        return turn

    def must_yield(self, renders: Sequence[Render]) -> bool:
        """Return whether the turn of some renders must end because an interactive render, or its program, is waiting.

        A turn that was owed to background renders does not end.
        """
        if self._owed or not all(render.background for render in renders):
            return False
        better = self._choose()
        return better.load is not None or (bool(better.renders) and not better.renders[0].background)

    def _choose(self, *, background_first: bool = False) -> Turn:
        chosen: list[Render] = []
        begun = Counter(render.background for render in self.queue if render.begun_at is not None)
        most, needed = self._places + SUSPENDED, self.queue.needed
        closed: set[bool] = set()  # the values of `background` of which no more renders may begin
        for render in self.queue.in_order(background_first=background_first):
            if len(chosen) == self._places:
                break
            if chosen and render.key != chosen[0].key:
                continue
            if render.begun_at is None:
                if begun.total() >= most or (render.background and begun[True] >= most - RESERVED):
                    closed.add(render.background)
                if render.background in closed:
                    continue
            match self._programs.readiness(render.key, render.request.program_bytes, needed=needed):
                case Readiness.READY:
                    chosen.append(render)
                    begun[render.background] += render.begun_at is None
                case Readiness.LOADABLE:
                    return Turn(load=render)
                case Readiness.NO_ROOM:
                    closed |= {False, True}
                case Readiness.LOADING:
                    pass
        return Turn(chosen)
