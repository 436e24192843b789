"""One caller's place at a render that others may wait for too."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from reverie_server.errors import Interrupted
from reverie_server.request.events import Accepted, Event, Progress
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import Mailbox

#: Seconds between two reports of steps to a caller who does not say how often: more than ten a second nobody reads, and
#: each takes time of the device's.
PAUSE_S = 0.1


class Ticket:
    """What a caller holds: made by `Desk.submit`.

    Whoever asked reads events until the Rendering comes, or calls `stop` and leaves. With `durable` the Rendering comes
    when it is in the store, and NotKept in its place when it cannot be.
    """

    def __init__(
        self,
        order: RenderRequest,
        bell: Callable[[], None],
        *,
        client: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.order = order
        self.client = client
        self.durable = durable
        self.mailbox = Mailbox(bell)
        self._clock = clock
        self._until = None if deadline_s is None else clock() + deadline_s
        self._accepted = False
        self._next = -inf
        #: Set by the desk.
        self.leave: Callable[[], None] = _nothing

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise what ended the render, if something did."""
        return self.mailbox.take()

    def remaining_s(self) -> float | None:
        """Return how long the caller will wait, or None when there is no limit."""
        return None if self._until is None else self._until - self._clock()

    def stop(self) -> None:
        """Leave: the render ends before its next step when nobody else waits for it. No effect on one that is done.

        Whoever still reads gets `Interrupted`.
        """
        self.leave()
        self.post(Interrupted())

    def post(self, event: Event | BaseException) -> None:
        """Tell the caller what is meant for this ticket: nothing after the end, and once that it is accepted."""
        if isinstance(event, Progress) and not self._due(event):
            return
        if isinstance(event, Accepted):
            if self._accepted:
                return
            self._accepted = True
        self.mailbox.post(event)

    def _due(self, progress: Progress) -> bool:
        """Return whether the caller is to hear of this: of every frame and of positions in line, not of every step."""
        if progress.frame is not None or progress.step == 0:
            return True
        if self.order.report_every is not None:
            return progress.step % self.order.report_every == 0
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + PAUSE_S
        return True


def _nothing() -> None:
    pass
