"""One caller of a render, which it may share with others."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from reverie_server.errors import Interrupted
from reverie_server.request.events import Event, Progress
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import EventQueue

#: Seconds between two reports of steps to a caller that does not say how often: nobody reads more than ten a second,
#: and each takes time from the steps.
PAUSE_S = 0.1


class Subscription:
    """The events of a render for one caller; made by `Dispatcher.submit`.

    The caller reads events until the Rendering comes, or calls `stop`. With `durable` the Rendering comes when it is in
    the store, or NotKept instead if it cannot be stored.
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
        """Leave; if no other caller waits for the render, it ends before its next step. No effect after its end.

        A caller that still reads gets `Interrupted`.
        """
        self.leave()
        self.events.post(Interrupted())

    def put(self, event: Event | BaseException) -> None:
        """Queue an event, or the exception that ended the render, unless it is progress that is not due."""
        if not isinstance(event, Progress) or self._due(event):
            self.events.put(event)

    def _due(self, progress: Progress) -> bool:
        """Return whether to tell the caller: of all frames and queue positions, but not of every step."""
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
