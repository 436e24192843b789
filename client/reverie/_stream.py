"""One picture and the events on the way to it, told once each, however often the connection is lost meanwhile."""

from __future__ import annotations

from typing import Any

from reverie_proto.v1 import visualization_pb2 as wire

from reverie import _parsing
from reverie._exchange import BROKEN_S, PATIENCE_S, Deadline, Exchange, Pause, Read, Tell, patiently
from reverie.errors import InternalError, Unavailable
from reverie.pictures import Accepted, Event, Progress, Rendering

# A stream that was accepted is taken up again so often.
RESUMPTIONS = 3


def stream(request: wire.StreamRenderRequest, timeout_s: float | None) -> Exchange[None]:
    """Ask for one picture and tell its events; one that is lost on the way is asked for again.

    The request keeps its ``request_id``, so a server that still has the first attempt, or its picture, goes on with
    that. Any other makes the same picture anew: what it tells of steps that are known is left out.
    """
    deadline = Deadline.after(timeout_s)
    story = Story()
    for resumed in range(RESUMPTIONS + 1):
        try:
            call, message = yield from patiently("StreamRender", request, deadline.left_s(), streams=True)
            while message is not None:
                if (event := story.news(message)) is not None:
                    yield Tell(event)
                message = yield Read(call)
            story.end()
            return
        except Unavailable as error:
            if story.ended:
                return
            wait = BROKEN_S if error.retry_after_s is None else error.retry_after_s
            if not story.begun or resumed == RESUMPTIONS or wait > PATIENCE_S or deadline.is_within(wait):
                raise
            yield Pause(wait)


class Story:
    """The events of one picture in their order, held to end with the picture."""

    def __init__(self) -> None:
        self.begun = False
        self.ended = False
        # Of the last progress that was told: its step, whether a frame came with it, its place in the queue.
        self._last = (-1, False, 0)

    def news(self, message: Any) -> Event | None:
        """The event that a message tells of; None for one that is known, or of a kind that is unknown here."""
        event = _parsing.event(message)
        if isinstance(event, Accepted):
            known, self.begun = self.begun, True
            return None if known else event
        if isinstance(event, Progress):
            this = (event.step, event.frame is not None, event.queue_position)
            if this[:2] < self._last[:2] or this == self._last:
                return None
            self._last = this
        self.ended = isinstance(event, Rendering)
        return event

    def end(self) -> None:
        """Raise InternalError when the stream ended before the picture came."""
        if not self.ended:
            raise InternalError("The server ended the stream without sending the picture.")
