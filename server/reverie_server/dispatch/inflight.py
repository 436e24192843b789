"""A render that is queued, in progress or being stored, and the callers that share it (single-flight)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from reverie_server.dispatch.payment import Payment
from reverie_server.dispatch.subscription import Subscription
from reverie_server.request.events import Accepted, Event, Progress, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.render import Render


class InFlight(Render):
    """A render and its subscriptions. The dispatcher's `lock` guards the attributes that this class adds to `Render`.

    `put`, `notify` and `post`, which the step loop calls, take the lock; the other methods must be called with it held.
    `ended` is called without the lock after the render has ended, whether it has a picture or not.
    """

    def __init__(self, request: RenderRequest, lock: Lock, ended: Callable[[InFlight], None]) -> None:
        super().__init__(request)
        self._lock, self._ended = lock, ended
        self.subscriptions: list[Subscription] = []
        self.payment = Payment(request, lambda: self.run.steps)
        self.accepted: Accepted | None = None
        self.progress: Progress | None = None
        self.rendering: Rendering | None = None
        #: Whether no caller may join any more, because it failed or because every caller has left.
        self.over = False

    @property
    def interactive_client(self) -> str | None:
        """The first client that waits for it as an interactive render, or None."""
        return next((each.client for each in self.subscriptions if not each.request.background), None)

    @property
    def latest_deadline_s(self) -> float | None:
        """In how many seconds the last caller stops waiting, or None if there is no limit."""
        remaining = [each.remaining_s() for each in self.subscriptions]
        return None if None in remaining else max((s for s in remaining if s is not None), default=None)

    def join(self, subscription: Subscription) -> None:
        """Add a caller, and queue the events that it has missed."""
        self.subscriptions.append(subscription)
        if self.rendering is not None and not subscription.durable:
            subscription.put(Accepted(self.rendering.spec, self.request.digest, 0.0, cached=True))
            subscription.put(replace(self.rendering, cached=True))
            return
        for event in (self.accepted, self.progress):
            if event is not None:
                subscription.put(event)

    def settle(self, problem: BaseException | None = None) -> None:
        """Queue the picture for the callers that wait until it is stored, or the reason why it is not."""
        assert self.rendering is not None
        for subscription in self.subscriptions:
            subscription.put(self.rendering if problem is None or not subscription.durable else problem)

    def put(self, event: Event | BaseException) -> None:
        """Queue an event for the callers that should get it; a picture is kept even if every caller has left."""
        with self._lock:
            if self.over and not isinstance(event, Rendering):
                return
            plain = event
            match event:
                case Accepted():
                    self.accepted = event
                case Progress():
                    # Only the caller that requested frames gets them.
                    self.progress = plain = replace(event, frame=None)
                case Rendering():
                    self.rendering = event
                case _:
                    self.over = True
            for subscription in self.subscriptions:
                if not (subscription.durable and isinstance(event, Rendering)):
                    subscription.put(event if subscription.request is self.request else plain)

    def notify(self) -> None:
        """Wake the callers that have something to read, and let those go that read too slowly."""
        with self._lock:
            subscriptions = list(self.subscriptions)
        for subscription in subscriptions:
            if subscription.overflowed:
                subscription.stop()
            else:
                subscription.events.notify()

    def post(self, event: Event | BaseException) -> None:
        """Queue an event and wake the callers; call `ended` if it is the last one."""
        super().post(event)
        if not isinstance(event, Accepted | Progress):
            self._ended(self)
