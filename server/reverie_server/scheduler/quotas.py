"""Quotas of clients: renders in progress at once, and pixels times steps per minute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from reverie_server.errors import QuotaExceeded


@dataclass(frozen=True)
class Quota:
    """The quota of one client; None means no bound."""

    renders: int | None = None
    pixel_steps_per_minute: float | None = None


class Account:
    """What one client has used of its quota.

    Pixel-steps are a token bucket that holds one minute's worth and fills evenly. A render is admitted while the level
    is above zero and reserves its whole cost, which may leave the level negative. So a render that costs more than the
    bucket holds is admitted too, and the next one waits longer. What the render does not compute is given back.

    `owner` identifies the client: its jobs and its request ids belong to it. It is empty if clients are not told apart.
    """

    def __init__(self, quota: Quota = Quota(), *, owner: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.owner = owner
        self._quota = quota
        self._clock = clock
        self._lock = Lock()
        self._renders = 0
        self._level = quota.pixel_steps_per_minute or 0.0
        self._seen = clock()

    def adopt(self, quota: Quota) -> None:
        """Continue with another quota. What was used stays used; a bound where there was none starts unused."""
        with self._lock:
            if quota == self._quota:
                return
            self._fill()
            bounded, self._quota = self._quota.pixel_steps_per_minute is not None, quota
            rate = quota.pixel_steps_per_minute or 0.0
            self._level = min(self._level, rate) if bounded else rate

    def reserve(self, pixel_steps: float, *, counted: bool = True, must: bool = False) -> Reservation:
        """Reserve the cost of a render, and a place among the renders in progress if it is `counted` there.

        Raises QuotaExceeded if the quota is used up, unless the client `must` pay: then the level only sinks.
        """
        with self._lock:
            self._fill()
            if not must:
                self._check(counted=counted)
            self._renders += counted
            self._level -= pixel_steps
        return Reservation(self, pixel_steps, counted=counted)

    def refusal(self) -> QuotaExceeded | None:
        """Return why no pixel-steps can be reserved now; None if they can."""
        with self._lock:
            self._fill()
            try:
                self._check(counted=False)
            except QuotaExceeded as fault:
                return fault
        return None

    def give_back(self, reservation: Reservation, *, used: float) -> None:
        """End a reservation of which `used` pixel-steps were computed."""
        with self._lock:
            self._fill()
            self._renders -= reservation.counted
            self._level += max(0.0, reservation.pixel_steps - used)
            self._fill()

    def _check(self, *, counted: bool) -> None:
        most, rate = self._quota.renders, self._quota.pixel_steps_per_minute
        if counted and most is not None and self._renders >= most:
            raise QuotaExceeded("renders", f"this key has {self._renders} renders in progress and may have {most}", 1)
        if rate is not None and self._level <= 0:
            wait = max(1, math.ceil(60 * -self._level / rate))
            problem = f"this key may take {rate:g} pixels x steps a minute and has had them"
            raise QuotaExceeded("pixel_steps_per_minute", problem, wait)

    def _fill(self) -> None:
        """Add what has come since the last call; without a bound the level stays 0."""
        now, rate = self._clock(), self._quota.pixel_steps_per_minute
        self._level = 0.0 if rate is None else min(rate, self._level + rate * (now - self._seen) / 60)
        self._seen = now


@dataclass(frozen=True)
class Reservation:
    """What one render in progress has reserved of an account."""

    account: Account
    pixel_steps: float
    #: Whether it counts among the client's renders in progress.
    counted: bool

    def end(self, *, used: float) -> None:
        """Give back what was not used; call it once."""
        self.account.give_back(self, used=used)


#: Finds the account of a client by its name; returns None for a client that is not known any more.
Accounts = Callable[[str], Account | None]

#: The account of everybody on a server that does not tell clients apart: it has no bounds.
EVERYBODY = Account()


def no_bounds(owner: str) -> Account | None:
    """Return an account without bounds for any client: nobody's key is checked, so nobody's quota is."""
    return Account(owner=owner) if owner else EVERYBODY
