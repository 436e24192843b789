"""A render that is asked for, under way or being stored, and everybody who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from reverie_server.dispatch.subscription import Subscription
from reverie_server.request.events import Accepted, Event, Progress, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.render import Render


class InFlight(Render):
    """A render and its subscriptions. The dispatcher's `lock` guards all that is added here to a `Render`.

    `put`, `notify` and `post`, by which the step loop tells of the render, take the lock; for the other methods it has
    to be held. `ended` is called, without the lock, after the render has ended, with its picture or without.
    """

    def __init__(self, request: RenderRequest, lock: Lock, ended: Callable[[InFlight], None]) -> None:
        super().__init__(request)
        self._lock, self._ended = lock, ended
        self.subscriptions: list[Subscription] = []
        self.accepted: Accepted | None = None
        self.progress: Progress | None = None
        self.rendering: Rendering | None = None
        #: Whether nobody may join any more: it failed, or everybody has left.
        self.over = False

    @property
    def interactive_client(self) -> str | None:
        """A client that waits for it as an interactive render, or None."""
        return next((each.client for each in self.subscriptions if not each.request.background), None)

    @property
    def patience_s(self) -> float | None:
        """How long the most patient of all callers will wait, or None if there is no limit."""
        remaining = [each.remaining_s() for each in self.subscriptions]
        return None if None in remaining else max((s for s in remaining if s is not None), default=None)

    def join(self, subscription: Subscription) -> None:
        """Add a caller, and queue what it has missed."""
        self.subscriptions.append(subscription)
        if self.rendering is not None and not subscription.durable:
            subscription.put(Accepted(self.rendering.spec, self.request.digest, 0.0, cached=True))
            subscription.put(replace(self.rendering, cached=True))
            return
        for event in (self.accepted, self.progress):
            if event is not None:
                subscription.put(event)

    def settle(self, problem: BaseException | None = None) -> None:
        """Queue for those who wait for the store that the picture is there, or why it is not."""
        assert self.rendering is not None
        for subscription in self.subscriptions:
            subscription.put(self.rendering if problem is None or not subscription.durable else problem)

    def put(self, event: Event | BaseException) -> None:
        """Queue an event for those whom it concerns; a picture is taken even if everybody has left."""
        with self._lock:
            if self.over and not isinstance(event, Rendering):
                return
            plain = event
            match event:
                case Accepted():
                    self.accepted = event
                case Progress():
                    self.progress = plain = replace(event, frame=None)  # frames are for who asked for them
                case Rendering():
                    self.rendering = event
                case _:
                    self.over = True
            for subscription in self.subscriptions:
                if not (subscription.durable and isinstance(event, Rendering)):
                    subscription.put(event if subscription.request is self.request else plain)

    def notify(self) -> None:
        """Wake the callers that have something to read."""
        with self._lock:
            subscriptions = list(self.subscriptions)
        for subscription in subscriptions:
            subscription.events.notify()

    def post(self, event: Event | BaseException) -> None:
        """Queue an event and wake the callers; the dispatcher goes on from the end."""
        super().post(event)
        if not isinstance(event, Accepted | Progress):
            self._ended(self)
