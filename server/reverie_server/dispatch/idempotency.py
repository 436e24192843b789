"""Maps request ids to renders, so that a retry finds the render of its first attempt."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from reverie_server.dispatch.inflight import InFlight
from reverie_server.request.events import size_of

#: How long an attempt is remembered, and how many at most.
RETENTION_S = 600
MAX_ATTEMPTS = 10_000
#: The bytes of pictures of attempts that ended; older pictures are only in the store.
MAX_BYTES = 64 * 2**20

#: The client that sent a request, and the id that it chose: two clients may use one id.
Key = tuple[str, str]


@dataclass
class Attempt:
    """A request with an id. `in_flight` becomes None when its picture is dropped to save memory."""

    digest: str
    in_flight: InFlight | None
    since: float


class Attempts:
    """The attempts of the last minutes. The dispatcher's lock guards them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._attempts: OrderedDict[Key, Attempt] = OrderedDict()
        self._ended: deque[Attempt] = deque()
        self._bytes = 0

    def find(self, request_id: Key) -> Attempt | None:
        """Return the attempt of an id, or None if none is remembered."""
        self._expire()
        return self._attempts.get(request_id)

    def remember(self, request_id: Key, in_flight: InFlight) -> None:
        """Map an id to a render."""
        self._attempts.pop(request_id, None)
        while len(self._attempts) >= MAX_ATTEMPTS:
            self._attempts.popitem(last=False)
        self._attempts[request_id] = Attempt(in_flight.request.digest, in_flight, self._clock())

    def ended(self, in_flight: InFlight) -> None:
        """Keep a render's picture for retries, and drop the oldest pictures beyond the bound."""
        for subscription in in_flight.subscriptions:
            key = subscription.account.owner, subscription.request.request_id
            attempt = self._attempts.get(key)
            if attempt is not None and attempt.in_flight is in_flight:
                attempt.since = self._clock()
                self._attempts.move_to_end(key)
                self._ended.append(attempt)
                self._bytes += _bytes(attempt)
        while self._bytes > self._max_bytes:
            self._drop()

    def _expire(self) -> None:
        oldest = self._clock() - RETENTION_S
        while self._attempts and next(iter(self._attempts.values())).since < oldest:
            self._attempts.popitem(last=False)
        while self._ended and self._ended[0].since < oldest:
            self._drop()

    def _drop(self) -> None:
        attempt = self._ended.popleft()
        self._bytes -= _bytes(attempt)
        attempt.in_flight = None


def _bytes(attempt: Attempt) -> int:
    if attempt.in_flight is None or attempt.in_flight.rendering is None:
        return 0
    return size_of(attempt.in_flight.rendering)
