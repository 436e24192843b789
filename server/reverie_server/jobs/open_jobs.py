"""The jobs that have not ended, in memory: what is known of them while their file cannot be read or written."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from threading import Lock

from reverie_proto.v1 import jobs_pb2

from reverie_server.jobs.rows import timestamp
from reverie_server.jobs.states import OPEN


@dataclass
class OpenJob:
    """A job that had not ended when it was last read or written."""

    number: int
    message: jobs_pb2.RenderJob
    #: Why it cannot go on; empty if it can.
    damage: str = ""

    @property
    def owner(self) -> str:
        """The client that made it."""
        return self.message.owner

    @property
    def left(self) -> int:
        """How many of its pictures have not ended."""
        return self.message.item_count - self.message.done_count - self.message.failed_count


class OpenJobs:
    """The open jobs by number, and those that were cancelled while that could not be written. Any thread may call."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[int, OpenJob] = {}
        self._cancelled: dict[int, OpenJob] = {}

    def update(self, number: int, message: jobs_pb2.RenderJob) -> None:
        """Note the state of a job: it is added if it is new, and removed if it has ended."""
        with self._lock:
            if message.state not in OPEN:
                self._open.pop(number, None)
                self._cancelled.pop(number, None)
            elif number in self._open:
                self._open[number].message = message
            elif number not in self._cancelled:
                self._open[number] = OpenJob(number, message)

    def in_order(self) -> list[OpenJob]:
        """Return the open jobs, the oldest first."""
        with self._lock:
            return [self._open[number] for number in sorted(self._open)]

    def count(self, owner: str | None = None) -> int:
        """Count the open jobs of an owner, or of all."""
        return sum(owner in (None, each.owner) for each in self.in_order())

    def find(self, job: str, scope: str | None) -> OpenJob | None:
        """Return an open job by its id if it is within the scope."""
        return next((each for each in self.in_order() if _matches(each, job, scope)), None)

    # ----- jobs that were cancelled while that could not be written -----

    def cancel(self, entry: OpenJob) -> jobs_pb2.RenderJob:
        """Note that a job is cancelled, and return it."""
        with self._lock:
            self._open.pop(entry.number, None)
            message = copy.deepcopy(entry.message)
            message.state = jobs_pb2.JOB_STATE_CANCELLED
            message.sequence += 1
            message.ended_at.CopyFrom(timestamp(time.time()))
            self._cancelled[entry.number] = OpenJob(entry.number, message)
            return message

    def find_cancelled(self, job: str, scope: str | None) -> jobs_pb2.RenderJob | None:
        """Return a job by its id if it is cancelled and that is not written."""
        with self._lock:
            return next((each.message for each in self._cancelled.values() if _matches(each, job, scope)), None)

    def cancelled(self) -> list[int]:
        """Return the numbers of the jobs that are cancelled and not written."""
        with self._lock:
            return list(self._cancelled)

    def forget(self, number: int) -> None:
        """Forget a job that has ended."""
        with self._lock:
            self._open.pop(number, None)
            self._cancelled.pop(number, None)


def _matches(entry: OpenJob, job: str, scope: str | None) -> bool:
    return entry.message.id == job and scope in (None, entry.owner)
