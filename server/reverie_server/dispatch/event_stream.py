"""The iterator over the events of a render in this process."""

from __future__ import annotations

import _thread
from collections.abc import Iterator
from threading import Event as ThreadEvent
from types import TracebackType
from typing import Self

from reverie_ascent.runtime.process import Origin

from reverie_server.dispatch.subscription import Subscription
from reverie_server.request.events import Event, Rendering

#: The most seconds that the garbage collector waits for the end of a render whose iterator it deletes.
PATIENCE_S = 1.0


class EventStream(Iterator[Event]):
    """The events of a render: one Accepted, any number of Progress, one Rendering.

    The render stops when the iterator is closed or deleted before its end, whether or not an event was read. In a
    forked child of its process the next event is a ForkedProcess error.
    """

    def __init__(self, subscription: Subscription, unread: ThreadEvent, origin: Origin) -> None:
        self._subscription, self._unread, self._origin = subscription, unread, origin
        self._over = False

    def __next__(self) -> Event:
        self._origin.check()
        while not self._over:
            try:
                event = self._subscription.take()
                if event is None:
                    self._unread.wait()
                    self._unread.clear()
                    continue
            except BaseException:  # including Ctrl-C
                self.close()
                raise
            if isinstance(event, Rendering):
                self.close()
            return event
        raise StopIteration

    def close(self) -> None:
        """Stop the render before its next step, unless it has ended; no more events follow."""
        over, self._over = self._over, True
        if not over and self._origin.is_here:
            self._subscription.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The garbage collector may run in a thread that holds a lock which `stop` takes, so another thread calls it.
        if getattr(self, "_over", True) or not self._origin.is_here:
            return
        stopped, stop = _thread.allocate_lock(), self._subscription.stop
        stopped.acquire()

        def stop_then_release() -> None:
            stop()
            stopped.release()

        try:
            _thread.start_new_thread(stop_then_release, ())
        except RuntimeError:  # the interpreter ends, and with it every render
            return
        stopped.acquire(timeout=PATIENCE_S)
