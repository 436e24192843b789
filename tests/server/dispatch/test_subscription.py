"""The progress events that a caller gets, and how often."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from reverie_server import Frame, Progress
from reverie_server.dispatch import Subscription
from reverie_server.dispatch.subscription import PAUSE_S

from tests.server.fakes import request

FRAME = Frame(1, np.zeros((4, 4, 3), np.float32))


class Caller:
    """A subscription, and a clock that advances by the same time with every event."""

    def __init__(self, *, report_every: int | None, pause_s: float) -> None:
        wanted = dataclasses.replace(request(), report_every=report_every)
        self._subscription = Subscription(wanted, self._wake, clock=lambda: self._now)
        self._now, self._pause_s, self.woken = 100.0, pause_s, 0

    def _wake(self) -> None:
        self.woken += 1

    def receives(self, step: int, frame: Frame | None = None) -> bool:
        """Return whether the caller gets an event for a step."""
        self._subscription.put(Progress(step, 100, 0.0, 0.0, 0.0, frame))
        self._subscription.events.notify()
        self._now += self._pause_s
        return self._subscription.take() is not None


@pytest.mark.parametrize(
    ("pause_s", "received"),
    [(1.01 * PAUSE_S, [1, 2, 3, 4, 5, 6, 7]), (PAUSE_S / 2 * 1.01, [1, 3, 5, 7]), (PAUSE_S / 3 * 1.01, [1, 4, 7])],
)
def test_by_default_progress_has_the_first_step_and_ten_a_second(pause_s: float, received: list[int]) -> None:
    caller = Caller(report_every=None, pause_s=pause_s)
    assert [step for step in range(1, 8) if caller.receives(step)] == received
    assert caller.woken == len(received)


def test_a_given_interval_of_progress_holds_at_any_speed() -> None:
    caller = Caller(report_every=3, pause_s=0)
    assert [step for step in range(1, 8) if caller.receives(step)] == [3, 6]


def test_frames_and_positions_are_always_sent() -> None:
    for every in (None, 50):
        caller = Caller(report_every=every, pause_s=0)
        assert [caller.receives(0), caller.receives(1, FRAME), caller.receives(0), caller.receives(2, FRAME)] == [
            True
        ] * 4
