"""Admission of renders, and the retry times of refused clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import cycle

import pytest
from reverie_server import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.admission import LATEST_S, Admission, check_deadline
from reverie_server.scheduler.simulation import Forecast

from tests.server.scheduler.device import Device, render


def test_a_queue_is_bounded_and_one_client_does_not_fill_it() -> None:
    device, admission = Device(), Admission(Limits(max_waiting_renders=8))
    check = partial(admission.check, device.queue, now=0, foretell=device.scheduler.foretell)
    device.add(*(render("a") for _ in range(7)))  # one is next to begin, six wait
    with pytest.raises(QueueFull, match="6 renders of this client wait already"):
        check("a")
    check("b")
    device.add(render("b"), render("b"))
    with pytest.raises(QueueFull, match="8 renders wait already"):
        check("c")


def retry_times(device: Device, admission: Admission, *clients: str, now: float = 100) -> list[int | None]:
    """Return the retry time, in seconds, of each client that is refused at that time."""
    seconds = []
    for client in clients:
        assert not admission.has_room(device.queue, client)
        with pytest.raises(QueueFull) as refused:
            admission.check(device.queue, client, now, foretell=device.scheduler.foretell)
        seconds.append(refused.value.retry_after_s)
    return seconds


def full(
    *estimates_s: float | None, clients: Sequence[str] = "a", places: int = 1, steps: int = 4
) -> tuple[Device, Admission]:
    """Return a queue of renders without room for more."""
    device, each = Device(places), zip(estimates_s, cycle(clients), strict=False)
    device.add(*(render(client, estimated_s=s, steps=steps) for s, client in each))
    return device, Admission(Limits(max_waiting_renders=1))


def test_retry_times_are_as_far_apart_as_places_become_free() -> None:
    device, admission = full(6, 2, 4)
    assert retry_times(device, admission, *"aaaa") == [4, 8, 12, 16]
    assert retry_times(device, admission, "a", now=105) == [15]
    assert retry_times(device, admission, "a", now=500) == [4]


def test_renders_that_share_steps_free_their_places_sooner() -> None:
    assert retry_times(*full(12, 12, 12, places=4), "a", "a") == [4, 8]


def test_one_long_render_does_not_delay_the_retry_times_of_short_ones() -> None:
    seconds = retry_times(*full(600, *[0.5] * 9, steps=1200), *"aaaa")
    assert seconds == [1, 2, 3, 4]


def test_a_queue_of_length_zero_refuses_the_first() -> None:
    assert retry_times(Device(), Admission(Limits(max_waiting_renders=0)), "a") == [1]


def test_a_client_waits_only_for_its_own_places() -> None:
    device, admission = full(4, 4, 4, 4, clients="ab")
    # They take turns: a's first is done after 7 s.
    assert retry_times(device, admission, *"aabba") == [
        7,
        14,
        8,
        16,
        21,
    ]
    assert retry_times(device, admission, "c") == [12]


@pytest.mark.parametrize(("estimated_s", "first_s"), [(0.1, 1), (None, 1), (30, 30), (10_000, LATEST_S)])
def test_retry_times_are_bounded_below_and_above(estimated_s: float | None, first_s: int) -> None:
    seconds = retry_times(*full(estimated_s, estimated_s), *"a" * 200)
    assert seconds[0] == first_s
    assert set(seconds) <= set(range(1, LATEST_S + 1))


def test_many_refused_clients_spread_over_the_longest_retry_time() -> None:
    seconds = Counter(retry_times(*full(1, 1), *"a" * 4 * LATEST_S))
    assert set(seconds) == set(range(1, LATEST_S + 1))
    assert set(seconds.values()) == {4}


# The estimated durations of a render and of those before it, the deadline, and whether it is admitted.
DEADLINES: list[tuple[float | None, list[float], float | None, bool]] = [
    (None, [9], 1, True),
    (9, [9], None, True),
    (1, [], 1, True),
    (1.9, [], 1, True),
    (2.1, [], 1, False),
    (1, [0.5, 0.4], 1, True),
    (1, [0.6, 0.6], 1, False),
]


@pytest.mark.parametrize(("estimated_s", "before", "deadline_s", "taken"), DEADLINES)
def test_a_render_that_can_hardly_be_done_in_time_is_refused(
    estimated_s: float | None, before: list[float], deadline_s: float | None, taken: bool
) -> None:
    wanted = render(estimated_s=estimated_s)
    forecast = Forecast(len(before), sum(before), sum(before) + (estimated_s or 0.0), known=True)
    if taken:
        check_deadline(wanted, forecast, deadline_s)
        return
    with pytest.raises(TooLate, match=r"takes about .* the call's deadline is in 1 s; allow more time"):
        check_deadline(wanted, forecast, deadline_s)
