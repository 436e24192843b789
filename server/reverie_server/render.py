"""One render on its way: what it does, how to stop it, and where it tells of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event as Flag

from reverie_server.events import Event
from reverie_server.faults import Interrupted
from reverie_server.mailbox import Mailbox
from reverie_server.order import Order


class Render:
    """A render that waits or runs; made by `Worker.submit`.

    Whoever asked for it reads events until the Rendering comes, or calls `stop` and leaves.
    """

    def __init__(self, order: Order, bell: Callable[[], None]) -> None:
        self.order = order
        self.mailbox = Mailbox(bell)
        #: On the clock of time.perf_counter.
        self.accepted = time.perf_counter()
        self._stop = Flag()
        #: Set by the worker; cancelled when the render is stopped before its turn comes.
        self.future: Future[None] | None = None

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise what ended the render, if something did."""
        return self.mailbox.take()

    def stop(self) -> None:
        """Let the render end before its next step, or never begin; no effect on one that is done.

        Whoever still reads gets `Interrupted`.
        """
        self._stop.set()
        if self.future is not None and self.future.cancel():
            self.mailbox.post(Interrupted())

    def stopped(self) -> bool:
        """Whether the render was asked to end: read before every step."""
        return self._stop.is_set()
