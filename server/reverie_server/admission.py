"""Whether a render is taken on, or told at once that it had better not wait."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_server.faults import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.line import Line, Ticket

#: Of the queue, what is kept for clients that have not filled the rest of it: one in so many.
KEPT = 4
#: What an estimate may be wrong by: a render is refused only if this share of it would be too late. Of programs that
#: have not run yet, eight in ten take 0.8 to 1.7 times what is foretold (see docs/performance.md).
SURE = 0.5


def check_room(line: Line, client: str, limits: Limits) -> None:
    """Raise QueueFull when too many wait, of one client or in all."""
    waiting, most = line.waiting(), limits.max_waiting_renders
    if waiting >= most:
        raise QueueFull(waiting)
    if (mine := line.waiting(client)) >= most - most // KEPT:
        raise QueueFull(mine, whose=" of this client")


def check_deadline(ticket: Ticket, before: Sequence[Ticket], places: int, deadline_s: float | None) -> None:
    """Raise TooLate when a picture can hardly be done in so many seconds."""
    if deadline_s is None or ticket.estimated_s is None:
        return
    wait_s = wait(before, places)
    if SURE * (wait_s + ticket.estimated_s) > deadline_s:
        raise TooLate(estimated_s=ticket.estimated_s, wait_s=wait_s, remaining_s=deadline_s)


def wait(before: Sequence[Ticket], places: int) -> float:
    """Return about how many seconds those before a render will take."""
    return sum(ticket.remaining_s for ticket in before) / places
