"""Renders of different lengths: short ones do not wait for long ones to end, and long ones keep their share."""

from __future__ import annotations

from collections import Counter

import pytest
from reverie_server.scheduler.policy import SUSPENDED
from reverie_server.scheduler.render import Render

from tests.server.scheduler.device import render
from tests.server.scheduler.timed_device import Arrival, TimedDevice

STEP_S = 0.05


def of(seconds: float, client: str = "a", program: str = "p", *, background: bool = False) -> Render:
    steps = round(seconds / STEP_S)
    return render(client, program, steps=steps, estimated_s=steps * STEP_S, background=background)


def device(places: int = 1) -> TimedDevice:
    return TimedDevice(places, step_s=lambda layer: STEP_S)


@pytest.mark.parametrize("program", ["p", "q"], ids=["same program", "other program"])
@pytest.mark.parametrize("background", [False, True], ids=["interactive", "batch"])
def test_a_steady_stream_of_short_renders_leaves_a_long_one_of_the_same_client_its_half(
    program: str, background: bool
) -> None:
    """The short ones alone would fill the device."""
    here, long = device(), Arrival(0.0, of(20, background=background))
    here.submit(long, *(Arrival(0.9 * n, of(1, program=program, background=background)) for n in range(60)))
    here.run(60)
    assert long.taken_s < 2.2 * 20


def test_a_steady_stream_of_short_renders_does_not_stop_long_ones_that_wait_to_begin() -> None:
    here, count = device(), 2 * SUSPENDED + 4
    long = [Arrival(0.0, of(3, program=f"p{n}")) for n in range(count)]
    here.submit(*long, *(Arrival(0.9 * n, of(1)) for n in range(100)))
    here.run(100)
    assert max(each.taken_s for each in long) < 2.2 * 3 * count


@pytest.mark.parametrize("places", [1, 4])
def test_at_most_one_render_of_each_shorter_class_begins_beyond_the_bound(places: int) -> None:
    """Each renders longer than those after it, as the worst case of the rule: 600 s, 200 s, 50 s and so on."""
    here, seconds = device(places), [600.0] * (places + SUSPENDED + 3) + [200.0, 50.0, 20.0, 5.0, 1.0] * 3
    here.submit(*(Arrival(0.1 * n, of(each, f"c{n}", f"p{n}")) for n, each in enumerate(seconds)))
    most = 0
    for _ in range(80):
        here.run(0.5)
        begun = Counter(each.length for each in here.scheduler.queue if each.begun_at is not None)
        most = max(most, begun.total())
        longest = max(begun, default=0)
        assert all(number == 1 for length, number in begun.items() if length < longest) or (
            begun.total() <= places + SUSPENDED
        )
    assert places + SUSPENDED < most <= places + SUSPENDED + 5


@pytest.mark.parametrize("seed", range(3))
def test_the_wait_of_a_long_render_is_bounded_by_those_that_began_before_it(seed: int) -> None:
    """Whatever arrives later: short renders, of the same client and of others."""
    here, before = device(), [Arrival(0.0, of(5, f"c{n}", f"p{n}")) for n in range(SUSPENDED + 1)]
    mine = Arrival(5.0, of(5, "mine", "mine"))
    later = [Arrival(6 + 0.7 * n, of(1, f"d{(n + seed) % 3}", f"q{n % 4}")) for n in range(90)]
    here.submit(*before, mine, *later)
    here.run(60)
    begun_at = mine.render.begun_at
    assert begun_at is not None
    # Four clients with 5 s each, and three others with equal shares, until the first of the four ends.
    assert begun_at < 5 * (SUSPENDED + 1 + 3) * 1.2
