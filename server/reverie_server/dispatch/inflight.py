"""One render under way, and everybody who waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from reverie_server.dispatch.subscription import Ticket
from reverie_server.request.events import Accepted, Event, Progress, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.render import Render


@dataclass(eq=False)
class Flight:
    """A render and its tickets. The desk's lock guards every field and method."""

    #: As it was first asked for: frames are made for this ticket alone.
    order: RenderRequest
    tickets: list[Ticket] = field(default_factory=list)
    render: Render | None = None
    #: Whether the render gives way to interactive ones, and whether it was asked to when it was handed on.
    background: bool = False
    launched_in_background: bool = False
    accepted: Accepted | None = None
    progress: Progress | None = None
    rendering: Rendering | None = None
    #: Whether nobody may join any more: it failed, or everybody has left.
    over: bool = False
    #: Whether some thread passes events on, and whether it has to look again.
    passing: bool = False
    again: bool = False

    @property
    def digest(self) -> str:
        """What is rendered."""
        return self.order.digest

    @property
    def begun(self) -> bool:
        """Whether steps were made, as far as is known here."""
        return self.progress is not None and self.progress.step > 0

    def longest_s(self) -> float | None:
        """Return how long the most patient of all callers will wait, or None when there is no limit."""
        remaining = [ticket.remaining_s() for ticket in self.tickets]
        return None if None in remaining else max((s for s in remaining if s is not None), default=None)

    def join(self, ticket: Ticket) -> None:
        """Add a ticket, and tell it what it has missed."""
        self.background = ticket.order.background and (self.background or not self.tickets)
        self.tickets.append(ticket)
        if self.rendering is not None and not ticket.durable:
            ticket.post(Accepted(self.rendering.spec, self.digest, 0.0, cached=True))
            ticket.post(replace(self.rendering, cached=True))
            return
        for event in (self.accepted, self.progress):
            if event is not None:
                ticket.post(event)

    def tell(self, event: Event) -> None:
        """Pass an event on to whom it concerns."""
        if isinstance(event, Accepted):
            self.accepted = event
        elif isinstance(event, Progress):
            self.progress = plain = replace(event, frame=None)
            for ticket in list(self.tickets):
                ticket.post(event if ticket.order is self.order else plain)
            return
        else:
            self.rendering = event
        for ticket in list(self.tickets):
            if not (ticket.durable and isinstance(event, Rendering)):
                ticket.post(event)

    def settle(self, problem: BaseException | None = None) -> None:
        """Tell those who wait for the store that the picture is there, or why it is not."""
        assert self.rendering is not None
        for ticket in list(self.tickets):
            ticket.post(self.rendering if problem is None or not ticket.durable else problem)

    def fail(self, error: BaseException) -> None:
        """Tell everybody what ended the render."""
        self.over = True
        for ticket in list(self.tickets):
            ticket.post(error)
