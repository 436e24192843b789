"""The subscription of one caller to a render, which other callers may share."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Protocol

from reverie_server.errors import Interrupted, SlowReader
from reverie_server.request.events import Event, Progress, Rendering, size_of
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import EventQueue
from reverie_server.scheduler.quotas import EVERYBODY, Account

#: Seconds between two reports of steps if the request sets no interval. No reader needs more than ten a second, and
#: each takes processor time from the steps.
PAUSE_S = 0.1


class Meter(Protocol):
    """Counts the bytes of the pictures that wait for one caller; any thread may call it."""

    def hold(self, size: int) -> None:
        """Count bytes that begin to wait; may call `Subscription.overflow`, of this subscription or another."""

    def free(self, size: int) -> None:
        """Count bytes that wait no more."""


class Subscription:
    """A caller's view of a render: its events, and the means to stop it. Made by `Dispatcher.submit`.

    The caller reads events until it gets the Rendering, or calls `stop`. With `durable` it gets the Rendering once it
    is in the store, or StoreWriteError instead if it cannot be stored. `meter` counts the pictures that wait, except a
    result from the store, for which the caller must have room before it subscribes.
    """

    def __init__(
        self,
        request: RenderRequest,
        wake: Callable[[], None],
        *,
        client: str = "",
        account: Account = EVERYBODY,
        job: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        #: The client, and its job, in whose turn it is rendered, and the account that may be charged for it.
        self.client, self.job, self.account = client, job, account
        self.durable = durable
        self.events = EventQueue(wake)
        self.meter = meter
        #: Whether it has ended because too much waited for its caller.
        self.overflowed = False
        self._clock = clock
        self._until = None if deadline_s is None else clock() + deadline_s
        self._next = -inf
        #: Ends the subscription; set by the dispatcher.
        self.leave: Callable[[], None] = _nothing

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise the exception that ended the render."""
        event = self.events.take()
        if self.meter is not None and event is not None and (size := metered_bytes(event)):
            self.meter.free(size)
        return event

    def overflow(self) -> None:
        """End with SlowReader in place of all that waits; `notify` of its render stops the render if it is the last."""
        self.overflowed = True
        self.events.drop(SlowReader("the pictures that wait for it take more memory than the server allows"))
        self.events.notify()

    def remaining_s(self) -> float | None:
        """Return how long the caller will wait, or None if there is no limit."""
        return None if self._until is None else self._until - self._clock()

    def stop(self) -> None:
        """End the subscription; if it was the last one of its render, the render ends before its next step.

        No effect on a render that is done. If the caller reads on, it gets `Interrupted`.
        """
        # The render is let go: with it this is a cycle, which would keep the picture until the garbage collector runs.
        leave, self.leave = self.leave, _nothing
        leave()
        self.events.post(Interrupted())

    def put(self, event: Event | BaseException) -> None:
        """Queue an event, or the exception that ended the render, unless it is progress that is not due."""
        if not isinstance(event, Progress) or self._due(event):
            size = 0 if self.meter is None else metered_bytes(event)
            if self.meter is not None and size:
                self.meter.hold(size)  # before a reader may take it
            if not self.events.put(event) and self.meter is not None and size:
                self.meter.free(size)

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


def metered_bytes(event: Event | BaseException | None) -> int:
    """Return the bytes of the picture of an event that a meter counts."""
    if isinstance(event, Progress) and event.frame is not None:
        return event.frame.array.nbytes
    if isinstance(event, Rendering) and not event.cached:
        return size_of(event)
    return 0


def _nothing() -> None:
    pass
