"""The subscription of one caller to a render, which other callers may share."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from reverie_server.errors import Interrupted
from reverie_server.request.events import Event, Progress
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import EventQueue
from reverie_server.scheduler.quotas import EVERYBODY, Account

#: Seconds between two reports of steps if the request sets no interval. No reader needs more than ten a second, and
#: each takes processor time from the steps.
PAUSE_S = 0.1


class Subscription:
    """A caller's view of a render: its events, and the means to stop it. Made by `Dispatcher.submit`.

    The caller reads events until it gets the Rendering, or calls `stop`. With `durable` it gets the Rendering once it
    is in the store, or StoreWriteError instead if it cannot be stored.
    """

    def __init__(
        self,
        request: RenderRequest,
        wake: Callable[[], None],
        *,
        client: str = "",
        account: Account = EVERYBODY,
        deadline_s: float | None = None,
        durable: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        #: The client in whose turn it is rendered, and the account that may be charged for it.
        self.client, self.account = client, account
        self.durable = durable
        self.events = EventQueue(wake)
        self._clock = clock
        self._until = None if deadline_s is None else clock() + deadline_s
        self._next = -inf
        #: Ends the subscription; set by the dispatcher.
        self.leave: Callable[[], None] = _nothing

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise the exception that ended the render."""
        return self.events.take()

    def remaining_s(self) -> float | None:
        """Return how long the caller will wait, or None if there is no limit."""
        return None if self._until is None else self._until - self._clock()

    def stop(self) -> None:
        """End the subscription; if it was the last one of its render, the render ends before its next step.

        No effect on a render that is done. If the caller reads on, it gets `Interrupted`.
        """
        self.leave()
        self.events.post(Interrupted())

    def put(self, event: Event | BaseException) -> None:
        """Queue an event, or the exception that ended the render, unless it is progress that is not due."""
        if not isinstance(event, Progress) or self._due(event):
            self.events.put(event)

    def _due(self, progress: Progress) -> bool:
        """Return whether to report a progress event: all frames and queue positions, but not every step."""
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
