"""The state of one render, from its submission to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable

from reverie_ascent import Run
from reverie_ascent.program import ProgramKey, program_key

from reverie_server.request.events import Event
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.policy import length_class

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
        #: The client that is charged for it, its job if it is of one, and whether interactive renders go before it.
        self.client = ""
        self.job = ""
        self.background = False
        #: The class of its whole time on the device.
        self.length = length_class(request.estimated_s)
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
        #: Its share of the time of its steps so far, in seconds of the device: others share its steps.
        self.used_s = 0.0
        #: The position in the queue that was reported last.
        self.position = 0
        #: How long it should take from its submission to its end, as foretold when it was submitted; None if not known.
        self.foretold_s: float | None = None
        #: The time of a step, as now expected; None if it is not known.
        self.step_s: float | None = None
        if request.estimated_s is not None:
            self.step_s = request.estimated_s / request.recipe.all_steps
        #: How many times longer it takes to its end than it needs the device, because it shares it.
        self.slowdown = 1.0

    @property
    def lane(self) -> Hashable:
        """What is charged for it besides its client: renders of one lane are made one after the other."""
        return self.job, self.key, self.length

    @property
    def program_bytes(self) -> int:
        """About how much memory its program takes."""
        return self.request.program_bytes

    @property
    def steps_left(self) -> int:
        """How many steps it still needs."""
        return self.run.recipe.all_steps - self.run.steps

    def expect(self, seconds: float) -> None:
        """Set in how many seconds it should end, counted from its beginning if it still waits."""
        needs_s = self.steps_left * (self.step_s or 0.0)
        self.slowdown = max(1.0, seconds / needs_s) if needs_s else 1.0

    @property
    def remaining_s(self) -> float:
        """The time to its end, once it has begun, if the device is shared as was last foretold; 0 if not known."""
        return self.slowdown * self.steps_left * (self.step_s or 0.0)

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
