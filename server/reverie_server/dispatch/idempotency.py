"""Which request id stands for which render: what a retry finds of its first attempt."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from reverie_server.dispatch.inflight import Flight

#: How long an attempt is remembered, and how many are.
KEPT_S = 600
MAX_ATTEMPTS = 10_000
#: Pictures of attempts that ended; those beyond are only in the store.
MAX_BYTES = 64 * 2**20


@dataclass
class Attempt:
    """A request that named itself. `flight` is forgotten when its picture would take too much room."""

    digest: str
    flight: Flight | None
    since: float


class Attempts:
    """The attempts of the last minutes. Guarded by the desk's lock."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()
        self._ended: deque[Attempt] = deque()
        self._bytes = 0

    def find(self, request_id: str) -> Attempt | None:
        """Return the attempt of an id, if one is remembered."""
        self._expire()
        return self._attempts.get(request_id)

    def remember(self, request_id: str, flight: Flight) -> None:
        """Let an id stand for a render."""
        self._attempts.pop(request_id, None)
        while len(self._attempts) >= MAX_ATTEMPTS:
            self._attempts.popitem(last=False)
        self._attempts[request_id] = Attempt(flight.digest, flight, self._clock())

    def ended(self, flight: Flight) -> None:
        """Keep a picture for those who may ask again, and drop the oldest ones beyond the bound."""
        for ticket in flight.tickets:
            attempt = self._attempts.get(ticket.order.request_id)
            if attempt is not None and attempt.flight is flight:
                attempt.since = self._clock()
                self._attempts.move_to_end(ticket.order.request_id)
                self._ended.append(attempt)
                self._bytes += _bytes(attempt)
        while self._bytes > self._max_bytes:
            self._drop()

    def _expire(self) -> None:
        oldest = self._clock() - KEPT_S
        while self._attempts and next(iter(self._attempts.values())).since < oldest:
            self._attempts.popitem(last=False)
        while self._ended and self._ended[0].since < oldest:
            self._drop()

    def _drop(self) -> None:
        attempt = self._ended.popleft()
        self._bytes -= _bytes(attempt)
        attempt.flight = None


def _bytes(attempt: Attempt) -> int:
    if attempt.flight is None or attempt.flight.rendering is None:
        return 0
    return attempt.flight.rendering.array.nbytes
