"""When those who wait hear of their position in the queue."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from reverie_server.scheduler.queue import RenderQueue
from reverie_server.scheduler.render import Render

#: Seconds of silence for each who was told a position. A queue of a hundred moves up with every render that ends: to
#: tell all of them at once would take time of the device's, so the longer it is, the less often they hear.
PAUSE_S = 0.1


class Moved(NamedTuple):
    """A render that waits, how many are before it now, and about how many seconds remain; 0 if that is not known."""

    render: Render
    position: int
    remaining_s: float


class Positions:
    """Finds out whose positions have changed, and reports ten a second at most."""

    def __init__(self, queue: RenderQueue) -> None:
        self._queue = queue
        self._changed = False
        self._next = -inf

    def change(self) -> None:
        """Note that the queue has changed."""
        self._changed = True

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds there may be something to report; None if nothing has changed."""
        return max(0.0, self._next - now) if self._changed else None

    def moved(self, now: float) -> list[Moved]:
        """Return what is to be reported now, and take it as reported."""
        if self.due_s(now) != 0:
            return []
        self._changed = False
        moved = []
        for render, ahead in self._queue.ahead().items():
            if ahead.renders != render.position:
                render.position = ahead.renders
                known = render.request.estimated_s is not None
                moved.append(Moved(render, ahead.renders, ahead.wait_s + render.remaining_s if known else 0.0))
        if moved:
            self._next = now + PAUSE_S * len(moved)
        return moved
