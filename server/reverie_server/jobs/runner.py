"""The thread that has the pictures of jobs made, a few at a time, and enters them once they are in the store."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock, Thread

from reverie_proto.v1 import spec_pb2, visualization_pb2

from reverie_server.dispatch import Desk, Ticket
from reverie_server.errors import (
    Draining,
    Fault,
    Interrupted,
    InvalidRequest,
    JobsOff,
    JobsUnreachable,
    NotServed,
    QueueFull,
)
from reverie_server.jobs.repository import Book, Done, Failed, Task
from reverie_server.jobs.request import Check
from reverie_server.request.events import Rendering
from reverie_server.store import NotKept

log = logging.getLogger(__name__)

#: Pictures that are asked for at once: enough for a batch, few enough that a restart repeats little.
AT_ONCE = 8
#: Pauses, in seconds, after something that time may mend: the first, and the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

Key = tuple[int, int]


class Foreman:
    """Works through the jobs of a book until closed. `open_book` may raise JobsUnreachable, and is asked again then."""

    def __init__(self, open_book: Callable[[], Book], check: Check, desk: Desk, *, tell: Callable[[], None]) -> None:
        self._open_book = open_book
        self._check = check
        self._desk = desk
        self._tell = tell
        self._bell = Event()
        self._lock = Lock()
        self._tickets: dict[Key, Ticket] = {}
        self._closing = False
        self._pause_s = 0.0
        #: What the jobs wait for, in a sentence; empty when they go on.
        self.detail = ""
        self._thread = Thread(target=self._work, name="reverie-jobs", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """See what there is to do."""
        self._bell.set()

    def stop(self, job: int) -> None:
        """Stop the pictures of a job before their next step."""
        with self._lock:
            stopped = [ticket for (number, _), ticket in self._tickets.items() if number == job]
        for ticket in stopped:
            ticket.stop()

    def close(self) -> None:
        """Stop everything before its next step, and wait for the thread; what is not done is done another time."""
        with self._lock:
            self._closing = True
            stopped = list(self._tickets.values())
        for ticket in stopped:
            ticket.stop()
        self._bell.set()
        self._thread.join()

    # ----- in the thread -----

    def _work(self) -> None:
        while not self._closing:
            try:
                waits = self._turn(self._open_book())
            except (JobsUnreachable, JobsOff) as fault:
                waits = str(fault)
            except Exception as error:  # a bug of ours: other jobs shall go on
                log.exception("a turn of the jobs failed")
                waits = f"an internal error ({type(error).__name__})"
            if waits:
                self._wait_for(waits)
            else:
                self._bell.wait()
                self._bell.clear()

    def _turn(self, book: Book) -> str:
        """Enter what has ended, and ask for more; return what there is to wait for, if anything."""
        ends, waits = self._collect()
        if ends:
            book.record(ends)
            self._tell()
        if waits:
            return waits
        if ends:
            self._pause_s, self.detail = 0.0, ""
        # While something is amiss one picture at a time finds out whether it still is.
        self._ask(book, AT_ONCE if not self._pause_s else 1)
        return ""

    def _collect(self) -> tuple[list[Done | Failed], str]:
        """Return the ends of pictures, and why some have to be asked for again."""
        ends: list[Done | Failed] = []
        waits = ""
        for key, ticket in list(self._tickets.items()):
            end = _end(ticket)
            if end is None:
                continue
            with self._lock:
                del self._tickets[key]
            if isinstance(end, Rendering):
                ends.append(_done(key, end))
            elif isinstance(end, NotKept):
                waits = f"results cannot be stored: {end}"
            elif isinstance(end, QueueFull | Draining):
                waits = waits or str(end)
            elif not isinstance(end, Interrupted):
                ends.append(_failed(key, ticket.order.call, end))
        return ends, waits

    def _ask(self, book: Book, at_once: int) -> None:
        unfit = []
        for task in book.tasks(max(0, at_once - len(self._tickets)), besides=self._tickets.keys()):
            try:
                order = self._check(
                    visualization_pb2.RenderImageRequest(spec=task.spec, priority=visualization_pb2.PRIORITY_BATCH)
                )
            except (InvalidRequest, NotServed) as fault:  # the models are not those that the job was made for
                unfit.append(Failed(task.job, task.piece.index, str(fault)))
            else:
                named = replace(order, call=task.name)
                self._begin(task, self._desk.submit(named, self._bell.set, client=f"job {task.job}", durable=True))
        if unfit:
            book.record(unfit)
            self._tell()
            self._bell.set()

    def _begin(self, task: Task, ticket: Ticket) -> None:
        with self._lock:
            self._tickets[task.job, task.piece.index] = ticket
            closing = self._closing
        if closing:
            ticket.stop()

    def _wait_for(self, what: str) -> None:
        """Let some time pass, whatever the bell says, unless it is time to close."""
        if what != self.detail:
            log.warning("jobs wait: %s", what)
            self.detail = what
            self._tell()
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))
        until = time.monotonic() + self._pause_s
        while not self._closing and (left := until - time.monotonic()) > 0:
            self._bell.wait(left)
            self._bell.clear()


def _end(ticket: Ticket) -> Rendering | BaseException | None:
    """Return how a picture ended, or None while it has not."""
    try:
        while (event := ticket.take()) is not None:
            if isinstance(event, Rendering):
                return event
    except BaseException as error:
        return error
    return None


def _done(key: Key, rendering: Rendering) -> Done:
    return Done(
        *key,
        spec_digest=rendering.spec_digest,
        maker=rendering.maker,
        outcome=spec_pb2.Outcome.Value(f"OUTCOME_{rendering.outcome}".upper()),
        activation=rendering.activation,
        cached=rendering.cached,
    )


def _failed(key: Key, call: str, error: BaseException) -> Failed:
    if isinstance(error, Fault):
        return Failed(*key, error=str(error))
    incident = uuid.uuid4().hex
    log.error("incident %s in a picture of a job", incident, exc_info=error, extra={"request_id": call})
    return Failed(*key, error=f"internal error, incident {incident}")
