"""One render on its way: what it does, how to stop it, and where it tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from reverie_server.request.events import Event
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import Mailbox


class Render:
    """A render that waits or runs; made by `Worker.submit`.

    Whoever asked for it reads events until the Rendering comes, or calls `stop` and leaves. `stopping` is called once,
    by the first `stop`.
    """

    def __init__(self, order: RenderRequest, bell: Callable[[], None], stopping: Callable[[Render], None]) -> None:
        self.order = order
        self.mailbox = Mailbox(bell)
        self._stopping = stopping
        self._first = Lock()
        self._stopped = False

    def take(self) -> Event | None:
        """Return the oldest event not yet read, or None; raise what ended the render, if something did."""
        return self.mailbox.take()

    def stop(self) -> None:
        """Let the render end before its next step, or never begin; no effect on one that is done.

        Whoever still reads gets `Interrupted`.
        """
        if self._first.acquire(blocking=False):
            self._stopped = True
            self._stopping(self)

    def stopped(self) -> bool:
        """Whether the render was asked to end: read before every step."""
        return self._stopped
