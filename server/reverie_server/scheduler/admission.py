"""Admission control: a render is accepted, or refused at once with the time after which to retry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from reverie_server.errors import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.queue import RenderQueue
from reverie_server.scheduler.render import Render
from reverie_server.scheduler.simulation import Forecast

Queue = RenderQueue[Render]
#: Returns what is foretold of all renders at a time.
Foretell = Callable[[float], Mapping[Render, Forecast]]

#: One client may fill the queue but for 1 / RESERVED_SHARE of it, which is reserved for the others.
RESERVED_SHARE = 4
#: The longest delay that is named.
LATEST_S = 60
#: A render is refused only if this share of the time to its foretold end exceeds the deadline, because forecasts can be
#: too high: others may leave, and of programs that have not run yet, eight in ten take 0.75 to 1.12 times their
#: estimate (see docs/performance.md).
CERTAIN_SHARE = 0.5


class Admission:
    """Bounds how many renders wait, and gives each refused client a time to retry.

    If many clients retried after the same few seconds, most would find the queue full again, and each refusal costs
    time that the renders need. So the retry times are spread: each is later than the one before by the time in which
    a place becomes free. A place that nobody takes at once does no harm, because the other places hold renders.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_waiting_renders
        self._most_of_one = self._most - self._most // RESERVED_SHARE
        #: The retry time that each client was given last.
        self._retry_at: dict[str, float] = {}

    def has_room(self, queue: Queue, client: str) -> bool:
        """Return whether one more render of a client may wait."""
        return queue.waiting() < self._most and queue.waiting(client) < self._most_of_one

    def check(self, queue: Queue, client: str, now: float, *, foretell: Foretell) -> None:
        """Raise QueueFull if too many renders wait, of one client or in all."""
        if self.has_room(queue, client):
            return
        retry_after_s = self._retry_after_s(foretell(now), client, now)
        if (waiting := queue.waiting()) >= self._most:
            raise QueueFull(waiting, retry_after_s)
        raise QueueFull(queue.waiting(client), retry_after_s, scope=" of this client")

    def _retry_after_s(self, forecasts: Mapping[Render, Forecast], client: str, now: float) -> int:
        between = min(_seconds_per_place(forecasts, client), LATEST_S)
        at = max(self._retry_at.get(client, now), now) + between
        if at > now + LATEST_S:
            at = now + between
        self._retry_at = {each: time for each, time in self._retry_at.items() if time > now} | {client: at}
        return max(1, math.ceil(at - now))


def _seconds_per_place(forecasts: Mapping[Render, Forecast], client: str) -> float:
    """Return in how many seconds, on average, a place becomes free for a client: one of its own, if it has any.

    The half of the renders that ends first counts, so that one long render does not hide that the others are short.
    """
    own = sorted(forecast.ends_s for render, forecast in forecasts.items() if render.client == client)
    ends = own or sorted(forecast.ends_s for forecast in forecasts.values())
    if not ends:
        return 0.0
    competing = 1 if own else 1 + len({render.client for render in forecasts})
    half_s = ends[(len(ends) - 1) // 2]
    return half_s / sum(end_s <= half_s for end_s in ends) * competing


def check_deadline(render: Render, forecast: Forecast, deadline_s: float | None) -> None:
    """Raise TooLate if a picture is unlikely to be done in `deadline_s` seconds."""
    estimated_s = render.request.estimated_s
    if deadline_s is None or estimated_s is None or CERTAIN_SHARE * forecast.ends_s <= deadline_s:
        return
    wait_s = max(0.0, round(forecast.ends_s - estimated_s, 3))
    raise TooLate(estimated_s=estimated_s, wait_s=wait_s, remaining_s=deadline_s)
