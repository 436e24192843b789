"""Whether a render is taken on, and when those who are refused are told to come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import cycle

import pytest
from reverie_server import QueueFull, TooLate
from reverie_server.limits import Limits
from reverie_server.scheduler.admission import LATEST_S, Admission, check_deadline
from reverie_server.scheduler.queue import Ahead

from tests.server.scheduler.device import Device, render


def test_a_queue_has_an_end_and_one_client_does_not_fill_it() -> None:
    device, admission = Device(), Admission(Limits(max_waiting_renders=8))
    check = partial(admission.check, device.queue, now=0)
    device.add(*(render("a") for _ in range(7)))  # one is about to begin, six wait
    with pytest.raises(QueueFull, match="6 renders of this client wait already"):
        check("a")
    check("b")
    device.add(render("b"), render("b"))
    with pytest.raises(QueueFull, match="8 renders wait already"):
        check("c")


def comebacks(device: Device, admission: Admission, *clients: str, now: float = 100) -> list[int | None]:
    """When each of those who are refused at that time is told to come back, in seconds."""
    told = []
    for client in clients:
        assert not admission.has_room(device.queue, client)
        with pytest.raises(QueueFull) as refused:
            admission.check(device.queue, client, now)
        told.append(refused.value.retry_after_s)
    return told


def full(*estimates_s: float | None, clients: Sequence[str] = "a", places: int = 1) -> tuple[Device, Admission]:
    """A queue of renders, and no room for any more."""
    device = Device(places)
    device.add(*(render(client, estimated_s=s) for s, client in zip(estimates_s, cycle(clients), strict=False)))
    return device, Admission(Limits(max_waiting_renders=1))


def test_those_who_are_refused_come_back_one_after_the_other_at_twice_the_speed_of_the_renders() -> None:
    device, admission = full(6, 2, 4)
    assert comebacks(device, admission, *"aaaa") == [2, 4, 6, 8]
    assert comebacks(device, admission, "a", now=105) == [5]
    assert comebacks(device, admission, "a", now=500) == [2]


def test_renders_that_share_steps_leave_places_sooner() -> None:
    assert comebacks(*full(8, 8, 8, places=4), "a", "a") == [1, 2]


def test_a_queue_without_any_room_refuses_the_first() -> None:
    assert comebacks(Device(), Admission(Limits(max_waiting_renders=0)), "a") == [1]


def test_a_client_waits_for_its_own_places_only() -> None:
    device, admission = full(4, 4, 4, 4, clients="ab")
    assert comebacks(device, admission, *"aabba") == [4, 8, 4, 8, 12]
    assert comebacks(device, admission, "c") == [6]


@pytest.mark.parametrize(("estimated_s", "first_s"), [(0.1, 1), (None, 1), (30, 15), (10_000, LATEST_S)])
def test_nobody_is_told_to_come_back_at_once_or_much_later(estimated_s: float | None, first_s: int) -> None:
    told = comebacks(*full(estimated_s, estimated_s), *"a" * 200)
    assert told[0] == first_s
    assert set(told) <= set(range(1, LATEST_S + 1))


def test_a_crowd_that_is_refused_spreads_over_the_longest_time() -> None:
    told = Counter(comebacks(*full(1, 1), *"a" * 4 * 2 * LATEST_S))
    assert set(told) == set(range(1, LATEST_S + 1))
    assert set(told.values()) == {8}


# What a render and those before it are estimated to take, the deadline, and whether it is taken.
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
    wanted, ahead = render(estimated_s=estimated_s), Ahead(len(before), sum(before))
    if taken:
        check_deadline(wanted, ahead, deadline_s)
        return
    with pytest.raises(TooLate, match=r"takes about .* the call's deadline is in 1 s; allow more time"):
        check_deadline(wanted, ahead, deadline_s)
