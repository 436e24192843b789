"""Shares of the jobs: which of them have pictures made at the same time, fairly between clients and their jobs.

Pictures that were submitted share the device fairly, as all renders do. But only a few are submitted at once, so that
the queue stays short and a restart repeats little work. So what decides here is whose pictures these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Pictures that are submitted at once: enough to fill a batch, and few enough that a restart repeats little work.
AT_ONCE = 8
#: A job that has fewer than its equal part of these need not wait until others have fewer; then at most so many are
#: submitted in all, and at most so many of one client.
MOST, MOST_OF_ONE = 24, 18


@dataclass(frozen=True)
class Candidate:
    """A job that may have pictures made: its number, its client, and how many of its pictures have not ended."""

    number: int
    client: str
    left: int


class JobShares:
    """Charges jobs and their clients for the device, and gives the next pictures to those that used it least.

    A new client starts at the smallest charge of the others, and a new job at the smallest of its client's.
    """

    def __init__(self) -> None:
        self._clients: dict[str, float] = {}
        self._jobs: dict[int, float] = {}
        self._client_of: dict[int, str] = {}

    def charge(self, job: int, seconds: float) -> None:
        """Charge a job, and its client, for its use of the device; no effect if it has ended."""
        if (client := self._client_of.get(job)) is not None:
            self._jobs[job] += seconds
            self._clients[client] += seconds

    def update(self, jobs: Sequence[Candidate]) -> None:
        """Open accounts for new jobs and clients, and close those of ended ones."""
        self._client_of = {job.number: job.client for job in jobs}
        clients = set(self._client_of.values())
        self._clients = {client: used_s for client, used_s in self._clients.items() if client in clients}
        least_s = min(self._clients.values(), default=0.0)
        self._clients = dict.fromkeys(clients, least_s) | self._clients
        known = {job.number: self._jobs[job.number] for job in jobs if job.number in self._jobs}
        self._jobs = {}
        for job in jobs:
            others = [known[each.number] for each in jobs if each.client == job.client and each.number in known]
            self._jobs[job.number] = known.get(job.number, min(others, default=0.0))

    def allot(
        self, jobs: Sequence[Candidate], in_flight: Mapping[int, int], *, at_once: int = AT_ONCE
    ) -> dict[int, int]:
        """Return how many more pictures of which jobs to submit, given how many of each are in flight.

        The jobs are those of the last `update`.
        """
        mine, clients = Counter(in_flight), Counter[str]()
        for job in jobs:
            clients[job.client] += mine[job.number]
        most = MOST if at_once == AT_ONCE else at_once
        even = max(1, at_once // max(1, len(jobs)))
        allotted = Counter[int]()

        def may_have_more(job: Candidate) -> bool:
            total = mine.total()
            if mine[job.number] >= job.left or total >= most:
                return False
            return total < at_once or (mine[job.number] < even and clients[job.client] < MOST_OF_ONE)

        def precedence(job: Candidate) -> tuple[float, ...]:
            client = clients[job.client], self._clients[job.client]
            return *client, mine[job.number], self._jobs[job.number], job.number

        while able := [job for job in jobs if may_have_more(job)]:
            job = min(able, key=precedence)
            mine[job.number] += 1
            clients[job.client] += 1
            allotted[job.number] += 1
        return dict(allotted)
