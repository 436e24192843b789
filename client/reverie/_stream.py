"""The exchange of a streamed render: each event is emitted once, even if the connection is lost in between."""

from __future__ import annotations

from typing import Any

from reverie_proto.v1 import visualization_pb2 as wire

from reverie import _parsing
from reverie._exchange import BROKEN_S, LONGEST_WAIT_S, Deadline, Emit, Exchange, Pause, Read, with_retries
from reverie.errors import InternalError, Unavailable
from reverie.pictures import Accepted, Event, Progress, Rendering

# How often an accepted stream is resumed after a lost connection.
RESUMPTIONS = 3


def stream(request: wire.StreamRenderRequest, timeout_s: float | None) -> Exchange[None]:
    """Get one picture and emit its events; after a lost connection the picture is requested again.

    The request keeps its ``request_id``, so a server that still has the first attempt, or its picture, continues with
    that. Any other server renders the same picture from the start; its progress is dropped up to the last known step.
    """
    deadline = Deadline.after(timeout_s)
    events = EventFilter()
    for resumed in range(RESUMPTIONS + 1):
        try:
            call, message = yield from with_retries("StreamRender", request, deadline.left_s(), streams=True)
            while message is not None:
                if (event := events.new_event(message)) is not None:
                    yield Emit(event)
                message = yield Read(call)
            events.end()
            return
        except Unavailable as error:
            if events.ended:
                return
            wait = BROKEN_S if error.retry_after_s is None else error.retry_after_s
            if not events.begun or resumed == RESUMPTIONS or wait > LONGEST_WAIT_S or deadline.is_within(wait):
                raise
            yield Pause(wait)


class EventFilter:
    """Drops the events of a picture that were emitted before, and checks that the stream ends with the picture."""

    def __init__(self) -> None:
        self.begun = False
        self.ended = False
        # Of the last progress that was emitted: its step, whether it had a frame, its position in the queue.
        self._last = (-1, False, 0)

    def new_event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if it was emitted before or is of an unknown kind."""
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
        """Raise InternalError if the stream ended before the picture arrived."""
        if not self.ended:
            raise InternalError("The server ended the stream without sending the picture.")
