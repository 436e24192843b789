"""How long programs take to load: measured, and expected of those that were not loaded yet."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from reverie_server.scheduler.recent import Recent
from reverie_server.scheduler.render import Key

#: The programs that are remembered: clients can ask for any number of them.
PROGRAMS = 1024


class LoadTimes:
    """The times of the thread that loads programs one after the other. The step loop's lock guards it."""

    def __init__(self) -> None:
        self._took: Recent[Key, float] = Recent(PROGRAMS)
        #: When the thread began to load its present program; None while it rests.
        self._begun_at: float | None = None

    def begin(self, now: float) -> None:
        """Note that the thread begins to load a program."""
        self._begun_at = now

    def end(self, key: Key, now: float) -> None:
        """Note that the program is loaded."""
        assert self._begun_at is not None
        self._took[key] = now - self._begun_at
        self._begun_at = None

    def fail(self) -> None:
        """Note that the program could not be loaded."""
        self._begun_at = None

    def expected_s(self, key: Key) -> float:
        """Return how long a program takes to load: as the last time, or as the others on average; 0 for the first."""
        if (took_s := self._took.get(key)) is not None:
            return took_s
        return fmean(self._took.values()) if self._took else 0.0

    def left_s(self, loading: Iterable[Key], now: float) -> list[tuple[Key, float]]:
        """Return when each program that is being loaded is done, in seconds from now; the first one first."""
        done_s = 0.0 if self._begun_at is None else self._begun_at - now
        ends = []
        for key in loading:
            done_s = max(0.0, done_s + self.expected_s(key))
            ends.append((key, done_s))
        return ends
