"""One caller that waits for a render, which others may wait for too."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from reverie_server.errors import Interrupted
from reverie_server.request.events import Event, Progress
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import EventQueue

#: Seconds between two reports of steps to a caller who does not say how often: more than ten a second nobody reads, and
#: each takes time of the device's.
PAUSE_S = 0.1


class Subscription:
    """What a caller holds: made by `Dispatcher.submit`.

    The caller reads events until the Rendering comes, or calls `stop` and leaves. With `durable` the Rendering comes
    when it is in the store, and NotKept in its place if it cannot be.
    """

    def __init__(
        self,
        request: RenderRequest,
        wake: Callable[[], None],
        *,
        client: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        self.client = client
        self.durable = durable
        self.events = EventQueue(wake)
        self._clock = clock
        self._until = None if deadline_s is None else clock() + deadline_s
        self._next = -inf
        #: Ends the subscription; set by the dispatcher.
        self.leave: Callable[[], None] = _nothing

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise what ended the render, if something did."""
        return self.events.take()

    def remaining_s(self) -> float | None:
        """Return how long the caller will wait, or None if there is no limit."""
        return None if self._until is None else self._until - self._clock()

    def stop(self) -> None:
        """Leave: the render ends before its next step if nobody else waits for it. No effect on one that is done.

        If the caller still reads, it gets `Interrupted`.
        """
        self.leave()
        self.events.post(Interrupted())

    def put(self, event: Event | BaseException) -> None:
        """Queue an event, or the exception that ended the render, unless it is progress that is not due."""
        if not isinstance(event, Progress) or self._due(event):
            self.events.put(event)

    def _due(self, progress: Progress) -> bool:
        """Return whether the caller is to hear of this: of all frames and queue positions, but not of every step."""
        if progress.frame is not None or progress.step == 0:
            return True
        if self.request.report_every is not None:
            return progress.step % self.request.report_every == 0
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + PAUSE_S
        return True


def _nothing() -> None:
    pass
