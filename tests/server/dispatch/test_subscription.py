"""What a caller hears of the steps of its render, and how often."""

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
    """A subscription, and a clock that goes on by as much with every event."""

    def __init__(self, *, report_every: int | None, pause_s: float) -> None:
        wanted = dataclasses.replace(request(), report_every=report_every)
        self._subscription = Subscription(wanted, self._wake, clock=lambda: self._now)
        self._now, self._pause_s, self.woken = 100.0, pause_s, 0

    def _wake(self) -> None:
        self.woken += 1

    def hears(self, step: int, frame: Frame | None = None) -> bool:
        """Whether it hears of a step."""
        self._subscription.put(Progress(step, 100, 0.0, 0.0, 0.0, frame))
        self._subscription.events.notify()
        self._now += self._pause_s
        return self._subscription.take() is not None


@pytest.mark.parametrize(
    ("pause_s", "heard"),
    [(1.01 * PAUSE_S, [1, 2, 3, 4, 5, 6, 7]), (PAUSE_S / 2 * 1.01, [1, 3, 5, 7]), (PAUSE_S / 3 * 1.01, [1, 4, 7])],
)
def test_who_does_not_say_how_often_hears_of_the_first_step_and_then_ten_times_a_second(
    pause_s: float, heard: list[int]
) -> None:
    caller = Caller(report_every=None, pause_s=pause_s)
    assert [step for step in range(1, 8) if caller.hears(step)] == heard
    assert caller.woken == len(heard)


def test_who_says_how_often_hears_that_often_however_fast_the_steps_are() -> None:
    caller = Caller(report_every=3, pause_s=0)
    assert [step for step in range(1, 8) if caller.hears(step)] == [3, 6]


def test_frames_and_positions_are_told_in_any_case() -> None:
    for every in (None, 50):
        caller = Caller(report_every=every, pause_s=0)
        assert [caller.hears(0), caller.hears(1, FRAME), caller.hears(0), caller.hears(2, FRAME)] == [True] * 4
