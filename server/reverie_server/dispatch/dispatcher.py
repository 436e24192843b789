"""Between callers and the device: a picture comes from the store, from a render under way, or from a new one."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from reverie_proto.v1 import visualization_pb2

from reverie_server.dispatch.idempotency import Attempts
from reverie_server.dispatch.inflight import InFlight
from reverie_server.dispatch.subscription import Subscription
from reverie_server.errors import Draining, InvalidRequest, NotStored, TooLate, Violation
from reverie_server.request.events import Accepted, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.step_loop import StepLoop
from reverie_server.store import NotKept, Store

log = logging.getLogger(__name__)

#: Threads that wait for the store.
THREADS = 4


@dataclass(frozen=True)
class Counts:
    """How requests were answered so far."""

    #: From the store, and not from the store although that was looked at.
    hits: int = 0
    misses: int = 0
    #: By joining a render under way, or one that ended under the same request id.
    joined: int = 0
    #: Results that were stored, and that could not be.
    stored: int = 0
    not_stored: int = 0


class Dispatcher:
    """Takes requests in front of a step loop. Requests for one picture share a render while it is under way.

    The step loop and the store are never called while the lock is held: both may take their time, and the step loop
    takes this lock while it holds its own.
    """

    def __init__(self, step_loop: StepLoop, store: Store | None) -> None:
        self._step_loop = step_loop
        self._store = store
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="reverie-store")
        self._lock = Lock()
        #: What may be joined, by digest.
        self._in_flight: dict[str, InFlight] = {}
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
        request: RenderRequest,
        wake: Callable[[], None],
        *,
        client: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
    ) -> Subscription:
        """Render what a client asks for, who waits for `deadline_s` seconds at most.

        The subscription tells all that comes of it, refusals by the step loop included; `wake` is called, from other
        threads, whenever it has something to tell.

        Raises Draining after `close`, and InvalidRequest if the request id stands for another spec.
        """
        subscription = Subscription(request, wake, client=client, deadline_s=deadline_s, durable=durable)
        with self._lock:
            if self._closed:
                raise Draining
            if request.cache == visualization_pb2.CACHE_MODE_ONLY:
                self._pool.submit(self._answer, subscription)
                return subscription
            joined = self._joinable(request)
            self._count(joined=int(joined is not None))
            in_flight = joined or self._new(request)
            self._subscribe(in_flight, subscription)
            look = joined is None and self._may_be_stored(request)
            if look:
                self._pool.submit(self._look, in_flight)
        subscription.events.notify()
        if joined is not None and not request.background:
            self._step_loop.promote(in_flight, client=client)
        elif joined is None and not look:
            self._launch(in_flight)
        return subscription

    def close(self) -> None:
        """Take no more requests, stop the step loop, and wait until the store has what was finished."""
        with self._lock:
            self._closed = True
        self._step_loop.close()
        self._pool.shutdown(wait=True)

    # ----- who shares what; the lock is held -----

    def _joinable(self, request: RenderRequest) -> InFlight | None:
        """Return the render that a request can share: its own first attempt, or one of the same picture."""
        attempt = self._attempts.find(request.request_id) if request.request_id else None
        if attempt is not None and attempt.digest != request.digest:
            raise InvalidRequest([Violation("request_id", "stands for another spec already; take a new one")])
        if request.frame_steps:
            return None
        if attempt is not None and attempt.in_flight is not None and not attempt.in_flight.over:
            return attempt.in_flight
        if request.cache == visualization_pb2.CACHE_MODE_BYPASS:
            return None
        found = self._in_flight.get(request.digest)
        return None if found is None or found.over else found

    def _new(self, request: RenderRequest) -> InFlight:
        in_flight = InFlight(request, self._lock, self._ended)
        found = self._in_flight.get(request.digest)
        if request.cache == visualization_pb2.CACHE_MODE_USE and (found is None or found.over):
            self._in_flight[request.digest] = in_flight
        return in_flight

    def _may_be_stored(self, request: RenderRequest) -> bool:
        use = request.cache == visualization_pb2.CACHE_MODE_USE
        return self._store is not None and use and not request.frame_steps

    def _subscribe(self, in_flight: InFlight, subscription: Subscription) -> None:
        subscription.leave = functools.partial(self._leave, in_flight, subscription)
        in_flight.join(subscription)
        if subscription.request.request_id:
            self._attempts.remember(subscription.request.request_id, in_flight)

    def _remove(self, in_flight: InFlight) -> None:
        if self._in_flight.get(in_flight.request.digest) is in_flight:
            del self._in_flight[in_flight.request.digest]

    def _count(self, **more: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + n for name, n in more.items()})

    # ----- from a request to its end, each part in whatever thread it falls to -----

    def _answer(self, subscription: Subscription) -> None:
        """Answer from the store or not at all."""
        digest = subscription.request.digest
        with self._lock:
            in_flight = self._in_flight.get(digest)
            made = in_flight.rendering if in_flight else None
        try:
            found = self._stored(digest) if made is None else replace(made, cached=True)
        except BaseException as error:
            subscription.events.post(error)
            return
        if found is None:
            subscription.events.post(NotStored(digest))
        else:
            subscription.events.put(Accepted(found.spec, digest, 0.0, cached=True))
            subscription.events.post(found)

    def _look(self, in_flight: InFlight) -> None:
        """Answer from the store, or render."""
        digest = in_flight.request.digest
        try:
            found = self._stored(digest)
        except BaseException as error:
            in_flight.post(error)
            return
        if found is None:
            self._launch(in_flight)
        else:
            in_flight.put(Accepted(found.spec, digest, 0.0, cached=True))
            in_flight.put(found)
            self._settle(in_flight, new=False)

    def _stored(self, digest: str) -> Rendering | None:
        found = None if self._store is None else self._store.get(digest)
        with self._lock:
            self._count(hits=int(found is not None), misses=int(found is None))
        return found

    def _launch(self, in_flight: InFlight) -> None:
        """Submit a render to the step loop; again if it came too late for those who waited, and others wait longer."""
        while True:
            with self._lock:
                if in_flight.over:  # everybody has left meanwhile
                    return
                client, patience_s = in_flight.interactive_client, in_flight.patience_s
                payer = in_flight.subscriptions[0].client if client is None else client
            try:
                self._step_loop.submit(in_flight, client=payer, background=client is None, deadline_s=patience_s)
                break
            except TooLate as fault:
                with self._lock:
                    now_s = in_flight.patience_s
                if patience_s is None or (now_s is not None and now_s <= patience_s):
                    in_flight.post(fault)
                    return
            except BaseException as error:
                in_flight.post(error)
                return
        with self._lock:
            urgent = in_flight.interactive_client if client is None else None
        if urgent is not None:  # it came meanwhile
            self._step_loop.promote(in_flight, client=urgent)

    def _ended(self, in_flight: InFlight) -> None:
        """Store the picture, out of the way of the thread that renders."""
        if in_flight.rendering is None:
            with self._lock:
                self._remove(in_flight)
            return
        try:
            self._pool.submit(self._keep, in_flight, in_flight.rendering)
        except RuntimeError:  # closed: what is not stored yet is rendered again one day
            self._settle(in_flight, NotKept("the server is stopping"))

    def _keep(self, in_flight: InFlight, rendering: Rendering) -> None:
        problem = None
        try:
            if self._store is None:
                raise NotKept("the store is off")
            self._store.put(rendering)
        except NotKept as error:
            problem = error
        except Exception as error:  # a bug of ours: the picture is there all the same
            request = in_flight.request
            log.exception("the result %s is not stored", request.digest, extra={"request_id": request.call})
            problem = NotKept(f"{type(error).__name__}: {error}")
        self._settle(in_flight, problem)

    def _settle(self, in_flight: InFlight, problem: NotKept | None = None, *, new: bool = True) -> None:
        """Let a render be done that has a picture, which is in the store unless there is a problem."""
        with self._lock:
            if new and self._store is not None:
                self._count(stored=int(problem is None), not_stored=int(problem is not None))
            self._remove(in_flight)
            in_flight.settle(problem)
            self._attempts.ended(in_flight)
        in_flight.notify()

    def _leave(self, in_flight: InFlight, subscription: Subscription) -> None:
        """Drop a subscription; when the last one leaves, the render is stopped."""
        with self._lock:
            if subscription not in in_flight.subscriptions or in_flight.rendering is not None:
                return
            in_flight.subscriptions.remove(subscription)
            if in_flight.subscriptions:
                return
            in_flight.over = True
            self._remove(in_flight)
        self._step_loop.stop(in_flight)
