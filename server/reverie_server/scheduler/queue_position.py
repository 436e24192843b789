"""Decides when waiting renders are sent their position in the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from reverie_server.scheduler.render import Render
from reverie_server.scheduler.simulation import Forecast

#: Seconds without reports after each position that was reported. Every render that ends changes the position of all
#: that wait, and reporting takes processor time from the steps: so the longer the queue is, the rarer the reports.
PAUSE_S = 0.1


class Moved(NamedTuple):
    """A waiting render, how many are before it now, and about how many seconds remain; 0 if that is not known."""

    render: Render
    position: int
    remaining_s: float


class Positions:
    """Finds the renders whose positions have changed, and reports at most ten a second.

    `foretell` returns the forecasts of all renders. Each render is told how much the others delay it.
    """

    def __init__(self, foretell: Callable[[float], Mapping[Render, Forecast]]) -> None:
        self._foretell = foretell
        self._changed = False
        self._next = -inf

    def change(self) -> None:
        """Note that the queue has changed."""
        self._changed = True

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds the next report is due; None if nothing has changed."""
        return max(0.0, self._next - now) if self._changed else None

    def moved(self, now: float) -> list[Moved]:
        """Return the positions to report now, and mark them as reported."""
        if self.due_s(now) != 0:
            return []
        self._changed = False
        moved = []
        for render, forecast in self._foretell(now).items():
            render.expect(forecast.ends_s - forecast.begins_s)
            if render.begun_at is None and forecast.position != render.position:
                render.position = forecast.position
                moved.append(Moved(render, forecast.position, forecast.ends_s if forecast.known else 0.0))
        if moved:
            self._next = now + PAUSE_S * len(moved)
        return moved
