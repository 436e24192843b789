"""Which jobs have pictures made next: shares of clients and of their jobs, with a simulated device."""

from __future__ import annotations

from collections import Counter

import pytest
from reverie_server.jobs.shares import MOST, MOST_OF_ONE, Candidate, JobShares


def allot(
    shares: JobShares, jobs: list[Candidate], in_flight: dict[int, int] | None = None, **options: int
) -> dict[int, int]:
    shares.update(jobs)
    return shares.allot(jobs, in_flight or {}, **options)


def jobs(*clients: str, left: int = 1000) -> list[Candidate]:
    return [Candidate(number, client, left) for number, client in enumerate(clients, start=1)]


# The clients of the open jobs, the pictures of each job that are in flight, and how many more of each are submitted.
ALLOTTED: list[tuple[str, dict[int, int], dict[int, int]]] = [
    ("", {}, {}),
    ("a", {}, {1: 8}),
    ("a", {1: 6}, {1: 2}),
    ("a", {1: 8}, {}),
    ("ab", {}, {1: 4, 2: 4}),
    ("aab", {}, {1: 2, 2: 2, 3: 4}),
    ("ab", {1: 8}, {2: 4}),
    ("aa", {1: 8}, {2: 4}),
    ("abc", {1: 8, 2: 4}, {3: 2}),
    ("abcd", {1: 7}, {2: 2, 3: 2, 4: 2}),
]


@pytest.mark.parametrize(("clients", "in_flight", "more"), ALLOTTED, ids=str)
def test_pictures_in_flight_are_shared_and_a_new_job_does_not_wait_for_the_others(
    clients: str, in_flight: dict[int, int], more: dict[int, int]
) -> None:
    assert allot(JobShares(), jobs(*clients), in_flight) == more


def test_no_more_pictures_are_submitted_than_are_left() -> None:
    assert allot(JobShares(), [Candidate(1, "a", 2), Candidate(2, "b", 1)], {2: 1}) == {1: 2}


def test_after_a_failure_one_picture_is_tried() -> None:
    assert allot(JobShares(), jobs("a", "b"), at_once=1) == {1: 1}
    assert allot(JobShares(), jobs("a", "b"), {1: 1}, at_once=1) == {}


def test_what_is_in_flight_is_bounded_and_one_client_leaves_room_for_others() -> None:
    shares, many = JobShares(), jobs(*"a" * 90)
    in_flight = Counter[int]()
    for arrived in range(1, 91):
        shares.update(many[:arrived])
        in_flight.update(shares.allot(many[:arrived], in_flight))
    assert in_flight.total() == MOST_OF_ONE
    newcomer = Candidate(91, "b", 9)
    assert allot(shares, [*many, newcomer], dict(in_flight)) == {91: 1}
    assert sum(allot(JobShares(), jobs(*map(str, range(99)))).values()) == MOST


def course(clients: str, picture_s: list[float], *, pictures: int) -> tuple[Counter[str], Counter[int]]:
    """Make pictures one at a time, of the job in flight that comes next; return the seconds of clients and jobs."""
    shares, all_jobs, in_flight = JobShares(), jobs(*clients), Counter[int]()
    used, made = Counter[str](), Counter[int]()
    for _ in range(pictures):
        shares.update(all_jobs)
        in_flight.update(shares.allot(all_jobs, in_flight))
        present = [job for job in all_jobs if in_flight[job.number]]
        job = min(present, key=lambda job: (used[job.client], made[job.number] * picture_s[job.number - 1]))
        in_flight[job.number] -= 1
        shares.charge(job.number, picture_s[job.number - 1])
        used[job.client] += picture_s[job.number - 1]  # type: ignore[assignment]
        made[job.number] += 1
    return used, made


def test_clients_and_then_jobs_use_the_device_alike() -> None:
    used, made = course("aab", [0.5, 2, 0.25], pictures=2000)
    assert abs(used["a"] - used["b"]) <= 2
    assert abs(made[1] * 0.5 - made[2] * 2) <= 4


def test_more_jobs_than_fit_take_turns_by_the_time_that_they_used() -> None:
    clients = "".join(chr(ord("a") + n) for n in range(26)) + "ABCD"
    used, _ = course(clients, [1.0 + n % 3 for n in range(30)], pictures=3000)
    assert max(used.values()) - min(used.values()) <= 12


def test_a_new_client_and_a_new_job_start_level_with_the_others() -> None:
    shares = JobShares()
    first = jobs("a", "b")
    shares.update(first)
    for number, seconds in ((1, 50.0), (2, 70.0)):
        shares.charge(number, seconds)
    shares.update([*first, Candidate(3, "c", 9), Candidate(4, "b", 9)])
    assert (shares._clients, shares._jobs[4]) == ({"a": 50.0, "b": 70.0, "c": 50.0}, 70.0)
    shares.charge(9, 5.0)
    shares.update(jobs("a"))
    assert (shares._clients, shares._jobs) == ({"a": 50.0}, {1: 50.0})
