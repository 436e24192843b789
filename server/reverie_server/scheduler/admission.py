"""Whether a render is taken on, or told at once that it had better not wait."""

from __future__ import annotations

import math

from reverie_server.errors import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.queue import Ahead, Line, Ticket

#: Of the queue, what is kept for clients that have not filled the rest of it: one in so many.
KEPT = 4
#: How many are told to come back for each place that becomes free, and the latest time that they are told.
EAGER = 2
LATEST_S = 60
#: What an estimate may be wrong by: a render is refused only if this share of it would be too late. Of programs that
#: have not run yet, eight in ten take 0.8 to 1.7 times what is foretold (see docs/performance.md).
SURE = 0.5


class Room:
    """The places in line, and when those who find none may come back; belongs to whoever holds the worker's lock.

    A crowd that is told to come back after the same few seconds finds the line full again and again, and who refuses it
    has less time for pictures. So of one client each is told a time of its own, as far from the last as it takes until
    a place is free for `EAGER`: not all come back, and the device is not to wait for those.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_waiting_renders
        #: The time that was told last, by client.
        self._told: dict[str, float] = {}

    def check(self, line: Line, client: str, now: float) -> None:
        """Raise QueueFull when too many wait, of one client or in all."""
        waiting = line.waiting()
        if waiting >= self._most:
            raise QueueFull(waiting, self._comeback_s(line, client, now))
        if (mine := line.waiting(client)) >= self._most - self._most // KEPT:
            raise QueueFull(mine, self._comeback_s(line, client, now), whose=" of this client")

    def _comeback_s(self, line: Line, client: str, now: float) -> int:
        """Return after how many seconds one more may come back."""
        clients = {ticket.client for ticket in line} | {client}
        between = min(line.left_s / max(1, len(line)) * len(clients) / EAGER, LATEST_S)
        at = max(self._told.get(client, now), now) + between
        if at > now + LATEST_S:
            at = now + between
        self._told = {each: told for each, told in self._told.items() if told > now} | {client: at}
        return max(1, math.ceil(at - now))


def check_deadline(ticket: Ticket, ahead: Ahead, deadline_s: float | None) -> None:
    """Raise TooLate when a picture can hardly be done in so many seconds."""
    if deadline_s is None or ticket.estimated_s is None:
        return
    if SURE * (ahead.wait_s + ticket.estimated_s) > deadline_s:
        raise TooLate(estimated_s=ticket.estimated_s, wait_s=ahead.wait_s, remaining_s=deadline_s)
