"""The events of a render that its reader has not taken yet."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock

from reverie_server.request.events import Event, Progress, Rendering

log = logging.getLogger(__name__)


class EventQueue:
    """A queue between the threads that render and one reader, who may be slow.

    Of progress without a frame only the newest is kept, so that a slow reader costs no memory and never holds up the
    device; frames (a request asks for a bounded number) and the end are never dropped. Nothing comes after the end.

    `notify` calls `wake` once, however many events were put since; an exception of `wake` is logged, and that is all.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = Lock()
        self._events: deque[Event | BaseException] = deque()
        self._ended = False
        #: Whether something was put that the reader was not woken for.
        self._news = False

    def put(self, event: Event | BaseException) -> None:
        """Add an event, or the exception that ended the render, without waking the reader."""
        with self._lock:
            if self._ended:
                return
            if self._events and _replaceable(self._events[-1]):
                self._events.pop()
            self._events.append(event)
            self._ended = isinstance(event, BaseException | Rendering)
            self._news = True

    def notify(self) -> None:
        """Wake the reader if there is something that it was not woken for."""
        with self._lock:
            news, self._news = self._news, False
        if not news:
            return
        try:
            self._wake()
        except Exception:
            log.exception("a render could not tell its reader that there is news")

    def post(self, event: Event | BaseException) -> None:
        """Add an event and wake the reader."""
        self.put(event)
        self.notify()

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
