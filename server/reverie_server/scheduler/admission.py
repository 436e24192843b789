"""Whether a render is taken on, or refused at once with the time to come back."""

from __future__ import annotations

import math

from reverie_server.errors import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.queue import Ahead, RenderQueue
from reverie_server.scheduler.render import Render

#: Of the queue, what is kept for clients that have not filled the rest of it: one in so many.
KEPT = 4
#: How many are told to come back for each place that becomes free, and the latest time that they are told.
EAGER = 2
LATEST_S = 60
#: What an estimate may be wrong by: a render is refused only if this share of it would be too late. Of programs that
#: have not run yet, eight in ten take 0.8 to 1.7 times what is foretold (see docs/performance.md).
SURE = 0.5


class Admission:
    """Bounds how many renders wait, and tells those who are refused when to come back.

    If a crowd were told to come back after the same few seconds, it would find the queue full again and again, and to
    refuse it costs time that pictures need. So each client that is refused is told a time of its own, as far from the
    last as it takes until a place is free for `EAGER`: some come too early, so that the device has not to wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_waiting_renders
        self._most_of_one = self._most - self._most // KEPT
        #: The time that was told last, by client.
        self._told: dict[str, float] = {}

    def has_room(self, queue: RenderQueue, client: str) -> bool:
        """Return whether one more render of a client may wait."""
        return queue.waiting() < self._most and queue.waiting(client) < self._most_of_one

    def check(self, queue: RenderQueue, client: str, now: float) -> None:
        """Raise QueueFull if too many renders wait, of one client or in all."""
        if self.has_room(queue, client):
            return
        retry_after_s = self._retry_after_s(queue, client, now)
        if (waiting := queue.waiting()) >= self._most:
            raise QueueFull(waiting, retry_after_s)
        raise QueueFull(queue.waiting(client), retry_after_s, whose=" of this client")

    def _retry_after_s(self, queue: RenderQueue, client: str, now: float) -> int:
        clients = {render.client for render in queue} | {client}
        between = min(queue.left_s / max(1, len(queue)) * len(clients) / EAGER, LATEST_S)
        at = max(self._told.get(client, now), now) + between
        if at > now + LATEST_S:
            at = now + between
        self._told = {each: told for each, told in self._told.items() if told > now} | {client: at}
        return max(1, math.ceil(at - now))


def check_deadline(render: Render, ahead: Ahead, deadline_s: float | None) -> None:
    """Raise TooLate if a picture can hardly be done in so many seconds."""
    estimated_s = render.request.estimated_s
    if deadline_s is None or estimated_s is None:
        return
    if SURE * (ahead.wait_s + estimated_s) > deadline_s:
        raise TooLate(estimated_s=estimated_s, wait_s=ahead.wait_s, remaining_s=deadline_s)
