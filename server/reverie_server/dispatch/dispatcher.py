"""The desk between callers and the device: store first, then what is under way, and only then a render."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

from reverie_proto.v1 import visualization_pb2

from reverie_server.dispatch.idempotency import Attempts
from reverie_server.dispatch.inflight import Flight
from reverie_server.dispatch.subscription import Ticket
from reverie_server.errors import Draining, Fault, InvalidRequest, NotStored, TooLate, Violation
from reverie_server.request.events import Accepted, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.store import NotKept, Store

if TYPE_CHECKING:
    from reverie_server.scheduler.step_loop import Worker

log = logging.getLogger(__name__)

#: Threads that wait for the store.
THREADS = 4


@dataclass(frozen=True)
class Counts:
    """What the desk has answered so far, and how."""

    #: From the store, and not from the store although that was looked at.
    hits: int = 0
    misses: int = 0
    #: By joining a render under way, or one that ended under the same request id.
    joined: int = 0
    #: Results that were stored, and that could not be.
    stored: int = 0
    not_stored: int = 0


class Desk:
    """Takes orders for a worker. Requests for one picture share a render while it is under way.

    The worker and the store are never called while the lock is held: both may take their time, and the worker rings
    with locks of its own held.
    """

    def __init__(self, worker: Worker, store: Store | None) -> None:
        self._worker = worker
        self._store = store
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="reverie-store")
        self._lock = Lock()
        #: What may be joined, by digest.
        self._flights: dict[str, Flight] = {}
        self._attempts = Attempts()
        self._counts = Counts()
        self._closed = False

    @property
    def stores(self) -> bool:
        """Whether results are stored at all."""
        return self._store is not None

    def counts(self) -> Counts:
        """Return the counts at this moment."""
        with self._lock:
            return self._counts

    def submit(
        self,
        order: RenderRequest,
        bell: Callable[[], None],
        *,
        client: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
    ) -> Ticket:
        """Take an order of a client who waits for `deadline_s` seconds at most.

        The ticket tells all that comes of it, refusals by the worker included.

        Raises Draining after `close`, and InvalidRequest when the order's request id stands for another spec.
        """
        ticket = Ticket(order, bell, client=client, deadline_s=deadline_s, durable=durable)
        with self._lock:
            if self._closed:
                raise Draining
            if order.cache == visualization_pb2.CACHE_MODE_ONLY:
                self._pool.submit(self._answer, ticket)
                return ticket
            joined = self._joinable(order)
            flight = joined or Flight(order)
            self._board(flight, ticket)
            look = joined is None and self._looks(order)
            if joined is not None:
                self._count(joined=1)
            elif order.cache == visualization_pb2.CACHE_MODE_USE:
                self._flights.setdefault(flight.digest, flight)
            if look:
                self._pool.submit(self._look, flight)
        if joined is not None:
            self._hurry(flight)
        elif not look:
            self._launch(flight)
        return ticket

    def close(self) -> None:
        """Take no more orders, stop the worker, and wait until the store has what was finished."""
        with self._lock:
            self._closed = True
        self._worker.close()
        self._pool.shutdown(wait=True)

    # ----- who shares what; the lock is held -----

    def _joinable(self, order: RenderRequest) -> Flight | None:
        """Return the render that an order is to share: its own first attempt, or one under way for the same picture."""
        attempt = self._attempts.find(order.request_id) if order.request_id else None
        if attempt is not None and attempt.digest != order.digest:
            raise InvalidRequest([Violation("request_id", "stands for another spec already; take a new one")])
        if order.frame_steps:
            return None
        if attempt is not None and attempt.flight is not None and not attempt.flight.over:
            return attempt.flight
        if order.cache == visualization_pb2.CACHE_MODE_BYPASS:
            return None
        return self._flights.get(order.digest)

    def _looks(self, order: RenderRequest) -> bool:
        """Return whether the store may have what an order asks for."""
        use = order.cache == visualization_pb2.CACHE_MODE_USE
        return self._store is not None and use and not order.frame_steps

    def _board(self, flight: Flight, ticket: Ticket) -> None:
        ticket.leave = functools.partial(self._leave, flight, ticket)
        flight.join(ticket)
        if ticket.order.request_id:
            self._attempts.remember(ticket.order.request_id, flight)

    def _remove(self, flight: Flight) -> None:
        if self._flights.get(flight.digest) is flight:
            del self._flights[flight.digest]

    def _fail(self, flight: Flight, error: BaseException) -> None:
        self._remove(flight)
        flight.fail(error)

    def _count(self, **more: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + n for name, n in more.items()})

    # ----- a flight's way, each part in whatever thread it falls to -----

    def _answer(self, ticket: Ticket) -> None:
        """Answer from the store or not at all."""
        digest = ticket.order.digest
        with self._lock:
            flight = self._flights.get(digest)
            made = flight.rendering if flight else None
        found = None if made is None else replace(made, cached=True)
        if found is None:
            try:
                found = self._stored(digest)
            except BaseException as error:
                ticket.post(error)
                return
        if found is None:
            ticket.post(NotStored(digest))
        else:
            ticket.post(Accepted(found.spec, digest, 0.0, cached=True))
            ticket.post(found)

    def _look(self, flight: Flight) -> None:
        """Answer from the store, or render."""
        try:
            found = self._stored(flight.digest)
        except BaseException as error:
            self._end(flight, error)
            return
        with self._lock:
            if found is not None:
                self._remove(flight)
                flight.tell(Accepted(found.spec, flight.digest, 0.0, cached=True))
                flight.tell(found)
                flight.settle()
                self._attempts.ended(flight)
                return
        self._launch(flight)

    def _stored(self, digest: str) -> Rendering | None:
        found = None if self._store is None else self._store.get(digest)
        with self._lock:
            self._count(hits=int(found is not None), misses=int(found is None))
        return found

    def _launch(self, flight: Flight) -> None:
        """Hand an order on to the worker."""
        while True:
            with self._lock:
                if flight.over:  # everybody left meanwhile
                    return
                background = flight.launched_in_background = flight.background
                client, longest_s = flight.tickets[0].client, flight.longest_s()
            try:
                render = self._worker.submit(
                    replace(flight.order, background=background),
                    functools.partial(self._pass_on, flight),
                    client=client,
                    deadline_s=longest_s,
                )
                break
            except TooLate as fault:
                with self._lock:
                    now_s = flight.longest_s()
                    patient = longest_s is not None and (now_s is None or now_s > longest_s)
                if not patient:  # nobody came who would wait longer
                    self._end(flight, fault)
                    return
            except BaseException as error:
                self._end(flight, error)
                return
        with self._lock:
            flight.render = render
            abandoned = flight.over
        if abandoned:
            render.stop()
        self._pass_on(flight)
        self._hurry(flight)

    def _hurry(self, flight: Flight) -> None:
        """Let a render that waits behind interactive ones wait no longer, because it has become one of them."""
        with self._lock:
            slow = flight.render
            if slow is None or flight.over or flight.begun or flight.rendering is not None:
                return
            if flight.background or not flight.launched_in_background:
                return
            client = next((ticket.client for ticket in flight.tickets if not ticket.order.background), None)
            if client is None:  # who had it hurry has left
                return
            flight.launched_in_background = False
        try:
            quick = self._worker.submit(
                replace(flight.order, background=False), functools.partial(self._pass_on, flight), client=client
            )
        except Fault:
            return  # there is no room among them: it keeps the place that it has
        with self._lock:
            kept = not flight.over and flight.rendering is None
            if kept:
                flight.render = quick
        (slow if kept else quick).stop()
        self._pass_on(flight)

    def _pass_on(self, flight: Flight) -> None:
        """Tell the tickets what the render has said: one thread at a time, so that the order stays."""
        with self._lock:
            render = flight.render
            if render is None:
                return  # it is being handed on; whoever does that looks when it is done
            if flight.passing:
                flight.again = True
                return
            flight.passing = True
        while True:
            end: BaseException | None = None
            event = None
            try:
                event = render.take()
            except BaseException as error:
                end = error
            with self._lock:
                if flight.render is not render:  # another one has taken its place
                    render = flight.render
                    assert render is not None
                    continue
                if end is not None:
                    self._fail(flight, end)
                    return
                if event is not None:
                    flight.tell(event)
                elif flight.again:
                    flight.again = False
                else:
                    flight.passing = False
                    return
            if isinstance(event, Rendering):
                self._finish(flight)
                return

    def _finish(self, flight: Flight) -> None:
        """Store the picture, out of the way of the thread that renders."""
        try:
            self._pool.submit(self._put, flight)
        except RuntimeError:  # closed: what is not stored yet is rendered again one day
            self._settle(flight, NotKept("the server is stopping"))

    def _put(self, flight: Flight) -> None:
        assert flight.rendering is not None
        problem = None
        try:
            if self._store is None:
                raise NotKept("the store is off")
            self._store.put(flight.rendering)
        except NotKept as error:
            problem = error
        except Exception as error:  # a bug of ours: the picture is there all the same
            log.exception("the result %s is not stored", flight.digest, extra={"request_id": flight.order.call})
            problem = NotKept(f"{type(error).__name__}: {error}")
        self._settle(flight, problem)

    def _settle(self, flight: Flight, problem: NotKept | None) -> None:
        with self._lock:
            if self._store is not None:
                self._count(stored=int(problem is None), not_stored=int(problem is not None))
            self._remove(flight)
            flight.settle(problem)
            self._attempts.ended(flight)

    def _end(self, flight: Flight, error: BaseException) -> None:
        with self._lock:
            self._fail(flight, error)

    def _leave(self, flight: Flight, ticket: Ticket) -> None:
        """Take a ticket's place; the last one to leave stops the render."""
        with self._lock:
            if ticket not in flight.tickets or flight.rendering is not None:
                return
            flight.tickets.remove(ticket)
            if flight.tickets:
                return
            flight.over = True
            self._remove(flight)
            render = flight.render
        if render is not None:
            render.stop()
