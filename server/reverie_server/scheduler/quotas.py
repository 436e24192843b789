"""Quotas of API keys: renders in progress at once, and pixels times steps per minute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from reverie_server.errors import QuotaExceeded


@dataclass(frozen=True)
class Quota:
    """The quota of one key; None means no bound."""

    renders: int | None = None
    pixel_steps_per_minute: float | None = None


class Account:
    """The usage of a key.

    Pixel-steps are a token bucket that holds one minute's worth and fills evenly. A render is admitted while the level
    is above zero and takes its whole cost, which may leave the level negative. So a render that costs more than the
    bucket holds is admitted too, and the next one waits longer.
    """

    def __init__(self, quota: Quota, clock: Callable[[], float] = time.monotonic) -> None:
        self._quota = quota
        self._clock = clock
        self._lock = Lock()
        self._renders = 0
        self._level = quota.pixel_steps_per_minute or 0.0
        self._seen = clock()

    def adopt(self, quota: Quota) -> None:
        """Continue with another quota."""
        with self._lock:
            if quota != self._quota:
                self._fill()
                self._quota = quota
                self._level = min(self._level, quota.pixel_steps_per_minute or 0.0)

    @contextmanager
    def charged(self, pixel_steps: float) -> Iterator[None]:
        """Charge a render that lasts as long as the block; raise QuotaExceeded if the quota is used up."""
        self._begin(pixel_steps)
        try:
            yield
        finally:
            with self._lock:
                self._renders -= 1

    def _begin(self, pixel_steps: float) -> None:
        with self._lock:
            most, rate = self._quota.renders, self._quota.pixel_steps_per_minute
            if most is not None and self._renders >= most:
                raise QuotaExceeded(
                    "renders", f"this key has {self._renders} renders in progress and may have {most}", 1
                )
            if rate is not None:
                self._fill()
                if self._level <= 0:
                    wait = max(1, math.ceil(60 * -self._level / rate))
                    problem = f"this key may take {rate:g} pixels x steps a minute and has had them"
                    raise QuotaExceeded("pixel_steps_per_minute", problem, wait)
                self._level -= pixel_steps
            self._renders += 1

    def _fill(self) -> None:
        now, rate = self._clock(), self._quota.pixel_steps_per_minute
        if rate is not None:
            self._level = min(rate, self._level + rate * (now - self._seen) / 60)
        self._seen = now
