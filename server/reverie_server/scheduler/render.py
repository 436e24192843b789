"""The state of one render, from its submission to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod

from reverie_ascent import Run
from reverie_ascent.program import ProgramKey, program_key

from reverie_server.request.events import Event
from reverie_server.request.render_request import RenderRequest

#: Renders with equal keys can share a batch: the digest of the model, and the key of the program's graph.
Key = tuple[str, ProgramKey]


def key_of(request: RenderRequest) -> Key:
    """Return the key of the program that renders a request."""
    return request.model.digest, program_key(request.recipe)


class Render(ABC):
    """A render that waits for the device or uses it.

    The step loop's lock guards its state, except `place` and `run`, which only the step loop's thread uses. A subclass
    holds the subscribers and sends events to them.
    """

    def __init__(self, request: RenderRequest) -> None:
        self.request = request
        self.key = key_of(request)
        self.run = Run(request.recipe, request.frame_steps.__contains__)
        #: The client that is charged for it, and whether interactive renders go before it.
        self.client = ""
        self.background = False
        #: When it was submitted, when it first got a place in a batch, and when it was asked to stop while `active`.
        self.submitted_at = 0.0
        self.begun_at: float | None = None
        self.stopped_at: float | None = None
        #: Whether it was asked to stop.
        self.stopped = False
        #: Whether it has a place in a batch or is about to get one. Then only the step loop's thread may end it.
        self.active = False
        #: Its place in the batch of its program; None while it waits or is suspended.
        self.place: int | None = None
        #: The time of its steps so far, in seconds of the device.
        self.took_s = 0.0
        #: The position in the queue that was reported last.
        self.position = 0

    @property
    def remaining_s(self) -> float:
        """The time that it still needs, in seconds of the device; 0 if that is not known."""
        steps, all_steps = self.run.steps, self.run.recipe.steps
        whole = self.took_s / steps * all_steps if steps else self.request.estimated_s or 0.0
        return whole * (all_steps - steps) / all_steps

    @abstractmethod
    def put(self, event: Event | BaseException) -> None:
        """Queue an event, or the exception that ended the render, without waking the subscribers.

        May be called while the step loop's lock is held, and so must not take it.
        """

    @abstractmethod
    def notify(self) -> None:
        """Wake the subscribers that have something to read; must be called without any lock."""

    def post(self, event: Event | BaseException) -> None:
        """Queue an event and wake the subscribers."""
        self.put(event)
        self.notify()
