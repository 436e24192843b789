"""What the device does next: interactive renders before the others, clients in fair shares, nobody for ever last.

The device is given away by turns: renders of one program share each, as many as have places in its batch. Who is first
is said in `queue`; three rules bound every wait:

* While renders of the lower class are passed over, every `PASSES`-th turn is theirs.
* Only so many renders may have begun and not ended. If a render cannot begin for this, or because its program finds no
  room in memory, nothing behind it may begin: sooner or later there is room.
* Who comes anew starts where the others are, not at nothing.
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

#: Turns of interactive renders after which a waiting one of the other class has one.
PASSES = 8
#: Renders that may have begun and not ended beyond the places of a batch, for each holds its state in memory ...
SUSPENDED = 3
#: ... and how many of all that may have begun are kept for interactive ones.
KEPT = 2


@dataclass(frozen=True)
class Turn:
    """What is to be done next: load the program of `load`, if there is one, and ask again; else steps of `renders`.

    The renders are of one program; there are none if none is ready.
    """

    renders: Sequence[Render] = ()
    load: Render | None = None


class Scheduler:
    """Decides which renders are admitted, which of them have the next turn, and which programs are to be loaded.

    It has no thread, no lock and no clock: time is handed in, and whoever calls it makes the steps and loads the
    programs. The step loop's lock guards it.
    """

    def __init__(self, places: int, limits: Limits, programs: ProgramCache) -> None:
        self.queue = RenderQueue(places)
        self._places = places
        self._programs = programs
        self._admission = Admission(limits)
        self.positions = Positions(self.queue)
        #: Turns in which renders of the lower class were passed over, and whether the present turn was owed to them.
        self._passed = 0
        self._owed = False

    # ----- who is in the queue -----

    def add(self, render: Render, now: float, *, deadline_s: float | None = None) -> None:
        """Let a render wait, and set its position.

        Raises QueueFull if too many wait, and TooLate if the picture can hardly be done in `deadline_s` seconds.
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
        """Let a waiting render of the lower class be an interactive one of a client; return whether it is one now.

        It keeps its place in the order of coming. If no more renders of that client may wait, it stays what it is.
        """
        waits = render in self.queue and render.background and render.begun_at is None
        if not waits or not self._admission.has_room(self.queue, client):
            return False
        self.queue.promote(render, client)
        self.positions.change()
        return True

    def finish(self, render: Render) -> None:
        """Forget a render that is done."""
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
        """Return whether the turn of some renders has to end, because an interactive one or its program is waiting.

        A turn that was owed to the lower class does not end.
        """
        if self._owed or not all(render.background for render in renders):
            return False
        better = self._choose()
        return better.load is not None or (bool(better.renders) and not better.renders[0].background)

    def _choose(self, *, background_first: bool = False) -> Turn:
        chosen: list[Render] = []
        begun = Counter(render.background for render in self.queue if render.begun_at is not None)
        most, needed = self._places + SUSPENDED, self.queue.needed
        shut: set[bool] = set()  # the classes of which nothing more may begin
        for render in self.queue.in_order(background_first=background_first):
            if len(chosen) == self._places:
                break
            if chosen and render.key != chosen[0].key:
                continue
            if render.begun_at is None:
                if begun.total() >= most or (render.background and begun[True] >= most - KEPT):
                    shut.add(render.background)
                if render.background in shut:
                    continue
            match self._programs.readiness(render.key, render.request.program_bytes, needed=needed):
                case Readiness.READY:
                    chosen.append(render)
                    begun[render.background] += render.begun_at is None
                case Readiness.LOADABLE:
                    return Turn(load=render)
                case Readiness.NO_ROOM:
                    shut |= {False, True}
                case Readiness.LOADING:
                    pass
        return Turn(chosen)
