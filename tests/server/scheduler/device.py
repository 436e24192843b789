"""A simulated device without a clock or a thread: a scheduler, and turns in which every render makes one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any, cast

from reverie_server.limits import Limits
from reverie_server.request.events import Event
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.scheduler import Scheduler

from tests.server.fakes import request

#: Room for more renders than any test has.
ROOMY = Limits(max_waiting_renders=10_000)


class UnreadRender(Render):
    """A render whose events are ignored."""

    def put(self, event: Event | BaseException) -> None: ...

    def notify(self) -> None: ...


def render(client: str = "a", program: str = "p", *, job: str = "", background: bool = False, **wanted: Any) -> Render:
    made = UnreadRender(request(program, **wanted))
    made.client, made.job, made.background = client, job, background
    return made


class Device:
    """Runs turns of one second. Programs are loaded at once, except for those in `slow`."""

    def __init__(self, places: int = 1, *, limits: Limits = ROOMY, room: int = 0, slow: Collection[str] = ()) -> None:
        self.programs: ProgramCache[Key, Any] = ProgramCache(room)
        self.scheduler = Scheduler(places, limits, self.programs)
        self.queue = self.scheduler.queue
        self.had: Counter[str] = Counter()
        self._slow = slow
        self._turns = 0

    def add(self, *renders: Render, now: float = 0.0) -> None:
        for each in renders:
            self.scheduler.add(each, now)

    def turn(self) -> list[Render]:
        while (turn := self.scheduler.schedule()).load is not None:
            self.reserve(turn.load)
            if turn.load.request.recipe.terms[0].layer not in self._slow:
                self.loaded(turn.load)
        renders = list(turn.renders)
        self.queue.charge(renders, 1.0)
        for each in renders:
            each.begun_at = each.begun_at if each.begun_at is not None else float(self._turns)
            each.run.history.append(0.0)
            self.had[each.client] += 1
            if each.run.steps == each.run.recipe.steps:
                self.scheduler.finish(each)
        self._turns += 1
        return renders

    def turns(self, count: int) -> list[Render | None]:
        """Run turns; return the first render of each."""
        return [next(iter(self.turn()), None) for _ in range(count)]

    def reserve(self, each: Render) -> None:
        """Start to load the program of a render."""
        weight, needed = each.request.program_bytes, self.queue.needed
        self.programs.reserve(each.key, weight, Future(), needed=needed)

    def loaded(self, each: Render) -> None:
        """Finish the loading of a program."""
        self.programs.add(each.key, cast(Any, object()))
