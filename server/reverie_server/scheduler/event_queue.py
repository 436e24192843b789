"""What a render has to say, kept until its reader comes."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock

from reverie_server.request.events import Event, Progress, Rendering

log = logging.getLogger(__name__)


class Mailbox:
    """A queue between the thread that renders and one reader, who may be slow.

    Of progress without a frame only the newest is kept, so that a slow reader costs no memory and never holds up the
    device; frames (a request asks for a bounded number) and the end are never dropped. Nothing comes after the end.

    `bell` is called, from the rendering thread, after every post; that it fails is the reader's loss alone.
    """

    def __init__(self, bell: Callable[[], None]) -> None:
        self._bell = bell
        self._lock = Lock()
        self._mail: deque[Event | BaseException] = deque()
        self._ended = False

    def put(self, event: Event) -> None:
        """Leave an event without ringing."""
        with self._lock:
            self._mail.append(event)

    def post(self, event: Event | BaseException) -> None:
        """Leave an event, or the exception that ended the render."""
        with self._lock:
            if self._ended:
                return
            if self._mail and _replaceable(self._mail[-1]):
                self._mail.pop()
            self._mail.append(event)
            self._ended = isinstance(event, BaseException | Rendering)
        self.ring()

    def ring(self) -> None:
        """Tell the reader that there is mail."""
        try:
            self._bell()
        except Exception:
            log.exception("a render could not tell its reader that there is news")

    def take(self) -> Event | None:
        """Return the oldest event, or None when there is none; raise the exception that ended the render."""
        with self._lock:
            if not self._mail:
                return None
            event = self._mail.popleft()
        if isinstance(event, BaseException):
            raise event
        return event


def _replaceable(event: Event | BaseException) -> bool:
    return isinstance(event, Progress) and event.frame is None
