"""One caller's place at a render that others may wait for too."""

from __future__ import annotations

from collections.abc import Callable

from reverie_server.events import Event, Progress, Rendering
from reverie_server.faults import Interrupted
from reverie_server.mailbox import Mailbox
from reverie_server.order import Order


class Ticket:
    """What a caller holds: made by `Desk.submit`.

    Whoever asked reads events until the Rendering comes, or calls `stop` and leaves. With `durable` the Rendering comes
    when it is in the store, and NotKept in its place when it cannot be.
    """

    def __init__(self, order: Order, bell: Callable[[], None], *, durable: bool = False) -> None:
        self.order = order
        self.durable = durable
        self._mailbox = Mailbox(bell)
        self._ended = False
        #: Set by the desk.
        self.leave: Callable[[], None] = _nothing

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise what ended the render, if something did."""
        return self._mailbox.take()

    def stop(self) -> None:
        """Leave: the render ends before its next step when nobody else waits for it. No effect on one that is done.

        Whoever still reads gets `Interrupted`.
        """
        self.leave()
        self.post(Interrupted())

    def post(self, event: Event | BaseException) -> None:
        """Tell the caller something that is meant for this ticket; nothing is told after the end."""
        if self._ended:
            return
        self._ended = isinstance(event, Rendering | BaseException)
        if isinstance(event, Progress) and event.frame is None and event.step % self.order.report_every:
            return
        self._mailbox.post(event)


def _nothing() -> None:
    pass
