"""Jobs: many pictures from one request, as frozen values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from reverie.pictures import Outcome
from reverie.spec import Spec


class JobState(enum.StrEnum):
    """Where a job is on its way."""

    UNKNOWN = "unspecified"  # a newer server's state
    QUEUED = "queued"  # no picture has ended yet
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # every picture is done
    FAILED = "failed"  # every picture has ended, some without success
    CANCELLED = "cancelled"  # what was done stays


@dataclass(frozen=True)
class JobLayer:
    """A layer of a job and its channels, as ranges whose ends are both included; none for all channels."""

    layer: str
    channels: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class JobInfo:
    """How a job stands."""

    id: str
    state: JobState
    model: str
    layers: tuple[JobLayer, ...]
    item_count: int
    done_count: int  # whose picture is in the store
    cached_count: int  # ... and was there before
    failed_count: int
    created_at: datetime
    ended_at: datetime | None  # None while it goes on
    sequence: int  # of its newest event
    detail: str  # what it waits for, when it waits for something

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.ended_at is not None


@dataclass(frozen=True)
class JobItem:
    """A picture of a job that has ended: done where ``spec`` is there, otherwise ``error`` says why not."""

    index: int  # in the order of the job's layers and channels
    layer: str
    channel: int
    spec: Spec | None
    spec_digest: str
    outcome: Outcome
    activation: float
    cached: bool
    error: str
    maker: str = ""  # the name of what made it, as ServerInfo.maker


@dataclass(frozen=True)
class JobEvent:
    """A picture that ended or, without an ``item``, how the job stands.

    The job's ``model`` and ``layers`` are told with the first event of a watch only.
    """

    sequence: int
    job: JobInfo
    item: JobItem | None
