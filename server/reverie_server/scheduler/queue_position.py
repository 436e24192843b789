"""What those who wait hear of their position."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from reverie_server.scheduler.queue import Line, Ticket

#: Seconds of silence for each who was told a position. A line of a hundred moves up with every render that ends: to
#: tell all of them at once would take time of the device's, so the longer it is, the less often they hear.
PAUSE_S = 0.1


class Moved(NamedTuple):
    """A render that waits, how many are before it now, and about how many seconds remain; 0 when nobody knows."""

    ticket: Ticket
    position: int
    remaining_s: float


class Standing:
    """Finds out whose positions have changed, ten a second at most; belongs to whoever holds the worker's lock."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line, self._clock = line, clock
        self._changed = False
        self._next = -inf

    def change(self) -> None:
        """The line is another one now."""
        self._changed = True

    def due_s(self) -> float | None:
        """In how many seconds there may be something to tell; None where nothing has changed."""
        return max(0.0, self._next - self._clock()) if self._changed else None

    def moved(self) -> list[Moved]:
        """Return what is to be told now."""
        if self.due_s() != 0:
            return []
        self._changed = False
        moved = []
        for ticket, ahead in self._line.ahead().items():
            if ahead.renders != ticket.told:
                ticket.told = ahead.renders
                known = ticket.estimated_s is not None
                moved.append(Moved(ticket, ahead.renders, ahead.wait_s + ticket.remaining_s if known else 0.0))
        if moved:
            self._next = self._clock() + PAUSE_S * len(moved)
        return moved
