"""A queue of a render's events, from the threads that render to one reader."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock

from reverie_server.request.events import Event, Progress, Rendering

log = logging.getLogger(__name__)


class EventQueue:
    """A queue between the threads that render and one reader, which may be slow.

    Progress without a frame replaces older progress without a frame, so a slow reader needs no more memory and never
    blocks the device. Frames (a request asks for a bounded number) and the end are never dropped. Events after the end
    are ignored.

    `notify` calls `wake` once for all events that were put since the last call. An exception of `wake` is only logged.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = Lock()
        self._events: deque[Event | BaseException] = deque()
        self._ended = False
        #: Whether an event was put since the reader was last woken.
        self._unannounced = False

    def put(self, event: Event | BaseException) -> bool:
        """Add an event, or the exception that ended the render, without waking the reader.

        Returns False after the end, when the event is ignored.
        """
        with self._lock:
            if self._ended:
                return False
            if self._events and _replaceable(self._events[-1]):
                self._events.pop()
            self._events.append(event)
            self._ended = isinstance(event, BaseException | Rendering)
            self._unannounced = True
            return True

    def notify(self) -> None:
        """Wake the reader if events were put since it was last woken."""
        with self._lock:
            unannounced, self._unannounced = self._unannounced, False
        if not unannounced:
            return
        try:
            self._wake()
        except Exception:
            log.exception("the reader of a render's events could not be woken")

    def post(self, event: Event | BaseException) -> None:
        """Add an event and wake the reader."""
        self.put(event)
        self.notify()

    def head(self) -> Event | BaseException | None:
        """Return the oldest event without removing it, or the exception that ended the render, or None."""
        with self._lock:
            return self._events[0] if self._events else None

    def drop(self, error: BaseException) -> None:
        """End the queue with an error in place of all events that were not read."""
        with self._lock:
            self._events.clear()
            self._events.append(error)
            self._ended = self._unannounced = True

    def take(self) -> Event | None:
        """Return the oldest event, or None if there is none; raise the exception that ended the render."""
        with self._lock:
            if not self._events:
                return None
            event = self._events.popleft()
        if isinstance(event, BaseException):
            raise event
        return event


def _replaceable(event: Event | BaseException) -> bool:
    return isinstance(event, Progress) and event.frame is None
