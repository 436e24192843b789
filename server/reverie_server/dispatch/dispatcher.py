"""Answers each request from the store, from a render in progress, or by a new render."""

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
from reverie_server.dispatch.subscription import Meter, Subscription
from reverie_server.errors import Draining, InvalidRequest, NotStored, TooLate, Violation
from reverie_server.request.events import Accepted, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.quotas import EVERYBODY, Account
from reverie_server.scheduler.step_loop import StepLoop
from reverie_server.store import Store, StoreWriteError

log = logging.getLogger(__name__)

#: Threads that wait for the store.
THREADS = 4


@dataclass(frozen=True)
class Counts:
    """How many requests were answered in which way so far."""

    #: Requests whose picture was found in the store, and those for which it was looked up there in vain.
    hits: int = 0
    misses: int = 0
    #: Requests that joined a render in progress, or one that ended under the same request id.
    joined: int = 0
    #: Results that were stored, and those that could not be.
    stored: int = 0
    not_stored: int = 0


class Dispatcher:
    """Takes the requests for a step loop. Requests for the same picture share a render while it is in progress.

    The step loop and the store are never called while the lock is held: both may be slow, and the step loop takes this
    lock while it holds its own.
    """

    def __init__(self, step_loop: StepLoop, store: Store | None) -> None:
        self._step_loop = step_loop
        self._store = store
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="reverie-store")
        self._lock = Lock()
        #: The renders that requests may join, by digest.
        self._in_flight: dict[str, InFlight] = {}
        self._attempts = Attempts()
        self._counts = Counts()
        self._closed = False

    @property
    def stores(self) -> bool:
        """Whether results are stored."""
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
        account: Account = EVERYBODY,
        job: str = "",
        deadline_s: float | None = None,
        durable: bool = False,
        meter: Meter | None = None,
    ) -> Subscription:
        """Answer a request of a client, or of one of its jobs, that waits at most `deadline_s` seconds.

        The returned subscription receives all events of the render, including refusals by the step loop and by the
        client's account, which is charged for the steps that are made for it. `wake` is called, from other threads,
        when there are events to read. `meter` counts the pictures that wait for the caller.

        Raises Draining after `close`, and InvalidRequest if the client used the request id for another spec.
        """
        subscription = Subscription(
            request,
            wake,
            client=client,
            job=job,
            account=account,
            deadline_s=deadline_s,
            durable=durable,
            meter=meter,
        )
        with self._lock:
            if self._closed:
                raise Draining
            if request.cache == visualization_pb2.CACHE_MODE_ONLY:
                self._pool.submit(self._answer, subscription)
                return subscription
            joined = self._joinable(request, account.owner)
            self._count(joined=int(joined is not None))
            in_flight = joined or self._new(request)
            self._subscribe(in_flight, subscription)
            look_up = joined is None and self._may_be_stored(request)
            if look_up:
                self._pool.submit(self._look_up, in_flight)
        subscription.events.notify()
        if joined is not None and not request.background:
            self._step_loop.promote(in_flight, client=client)
        elif joined is None and not look_up:
            self._launch(in_flight)
        return subscription

    def close(self) -> None:
        """Refuse new requests, stop the step loop, and wait until the finished results are in the store."""
        with self._lock:
            self._closed = True
        self._step_loop.close()
        self._pool.shutdown(wait=True)

    # ----- which requests share a render; the lock is held -----

    def _joinable(self, request: RenderRequest, owner: str) -> InFlight | None:
        """Return the render that a request can join: its own first attempt, or one of the same picture."""
        attempt = self._attempts.find((owner, request.request_id)) if request.request_id else None
        if attempt is not None and attempt.digest != request.digest:
            raise InvalidRequest([Violation("request_id", "stands for another spec already; take a new one")])
        if request.frame_steps:
            return None
        if attempt is not None and attempt.in_flight is not None and not attempt.in_flight.over:
            return attempt.in_flight
        if request.cache == visualization_pb2.CACHE_MODE_BYPASS:
            return None
        return self._open(request.digest)

    def _open(self, digest: str) -> InFlight | None:
        """Return the render of a digest if requests may still join it."""
        in_flight = self._in_flight.get(digest)
        return None if in_flight is None or in_flight.over else in_flight

    def _new(self, request: RenderRequest) -> InFlight:
        in_flight = InFlight(request, self._lock, self._ended)
        if request.cache == visualization_pb2.CACHE_MODE_USE and self._open(request.digest) is None:
            self._in_flight[request.digest] = in_flight
        return in_flight

    def _may_be_stored(self, request: RenderRequest) -> bool:
        use = request.cache == visualization_pb2.CACHE_MODE_USE
        return self._store is not None and use and not request.frame_steps

    def _subscribe(self, in_flight: InFlight, subscription: Subscription) -> None:
        subscription.leave = functools.partial(self._leave, in_flight, subscription)
        in_flight.join(subscription)
        if subscription.request.request_id:
            self._attempts.remember((subscription.account.owner, subscription.request.request_id), in_flight)

    def _charge(self, in_flight: InFlight) -> bool:
        """Let one of the callers pay for a render; if no quota allows it, queue each caller's refusal and end it."""
        refused = in_flight.payment.begin(in_flight.subscriptions)
        if refused:
            in_flight.over = True
            self._remove(in_flight)
            for subscription in in_flight.subscriptions:
                subscription.put(refused[subscription.account])
        return not refused

    def _remove(self, in_flight: InFlight) -> None:
        if self._in_flight.get(in_flight.request.digest) is in_flight:
            del self._in_flight[in_flight.request.digest]

    def _count(self, **more: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + n for name, n in more.items()})

    # ----- from a request to its end; each part may run in another thread -----

    def _answer(self, subscription: Subscription) -> None:
        """Answer from the store, or with NotStored if the picture is not there."""
        digest = subscription.request.digest
        with self._lock:
            in_flight = self._in_flight.get(digest)
            finished = in_flight.rendering if in_flight else None
        try:
            rendering = self._stored(digest) if finished is None else replace(finished, cached=True)
        except BaseException as error:
            subscription.events.post(error)
            return
        if rendering is None:
            subscription.events.post(NotStored(digest))
        else:
            subscription.events.put(Accepted(rendering.spec, digest, 0.0, cached=True))
            subscription.events.post(rendering)

    def _look_up(self, in_flight: InFlight) -> None:
        """Answer from the store, or render if the picture is not there."""
        digest = in_flight.request.digest
        try:
            rendering = self._stored(digest)
        except BaseException as error:
            in_flight.post(error)
            return
        if rendering is None:
            self._launch(in_flight)
        else:
            in_flight.put(Accepted(rendering.spec, digest, 0.0, cached=True))
            in_flight.put(rendering)
            self._settle(in_flight, new=False)

    def _stored(self, digest: str) -> Rendering | None:
        rendering = None if self._store is None else self._store.get(digest)
        with self._lock:
            self._count(hits=int(rendering is not None), misses=int(rendering is None))
        return rendering

    def _launch(self, in_flight: InFlight) -> None:
        """Submit a render to the step loop; retry after TooLate if a caller with a later deadline has joined."""
        while True:
            with self._lock:
                if in_flight.over:  # every caller has left in the meantime
                    return
                paid = self._charge(in_flight)
                client, deadline_s = in_flight.interactive_client, in_flight.latest_deadline_s
                first = in_flight.subscriptions[0]
                turns_of, in_flight.job = (first.client, first.job) if client is None else (client, "")
            if not paid:
                in_flight.notify()
                return
            try:
                self._step_loop.submit(in_flight, client=turns_of, background=client is None, deadline_s=deadline_s)
                break
            except TooLate as fault:
                with self._lock:
                    now_s = in_flight.latest_deadline_s
                if deadline_s is None or (now_s is not None and now_s <= deadline_s):
                    in_flight.post(fault)
                    return
            except BaseException as error:
                in_flight.post(error)
                return
        with self._lock:
            joined = in_flight.interactive_client if client is None else None
        if joined is not None:  # an interactive client joined in the meantime
            self._step_loop.promote(in_flight, client=joined)

    def _ended(self, in_flight: InFlight) -> None:
        """Store the picture in another thread, so that the thread that renders goes on."""
        with self._lock:
            in_flight.payment.end()
            if in_flight.rendering is None:
                self._remove(in_flight)
                return
        try:
            self._pool.submit(self._save, in_flight, in_flight.rendering)
        except RuntimeError:  # the pool is closed: the picture is rendered again when it is next requested
            self._settle(in_flight, StoreWriteError("the server is stopping"))

    def _save(self, in_flight: InFlight, rendering: Rendering) -> None:
        problem = None
        try:
            if self._store is None:
                raise StoreWriteError("the store is off")
            self._store.put(rendering)
        except StoreWriteError as error:
            problem = error
        except Exception as error:  # a bug of ours: callers still get the picture
            request = in_flight.request
            log.exception("the result %s is not stored", request.digest, extra={"request_id": request.call})
            problem = StoreWriteError(f"{type(error).__name__}: {error}")
        self._settle(in_flight, problem)

    def _settle(self, in_flight: InFlight, problem: StoreWriteError | None = None, *, new: bool = True) -> None:
        """Finish a render that has a picture: notify the callers that wait for the store, and count the result.

        The picture is in the store unless there is a problem.
        """
        with self._lock:
            if new and self._store is not None:
                self._count(stored=int(problem is None), not_stored=int(problem is not None))
            self._remove(in_flight)
            in_flight.settle(problem)
            self._attempts.ended(in_flight)
        in_flight.notify()

    def _leave(self, in_flight: InFlight, subscription: Subscription) -> None:
        """Remove a subscription; if it was the last one, stop the render."""
        with self._lock:
            if subscription not in in_flight.subscriptions or in_flight.rendering is not None:
                return
            in_flight.subscriptions.remove(subscription)
            if in_flight.subscriptions:
                in_flight.payment.left(in_flight.subscriptions)
                return
            in_flight.over = True
            self._remove(in_flight)
        self._step_loop.stop(in_flight)
