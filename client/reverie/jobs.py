"""Values that describe jobs: requests for many pictures that run on the server without a client."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from reverie_proto.short_repr import ShortRepr

from reverie.pictures import Outcome
from reverie.spec import Spec


class JobState(enum.StrEnum):
    """The state of a job, from queued to ended."""

    UNKNOWN = "unspecified"  # a state of a newer server
    QUEUED = "queued"  # no picture has ended yet
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # every picture is finished
    FAILED = "failed"  # every picture has ended, some without success
    CANCELLED = "cancelled"  # finished pictures are kept


@dataclass(frozen=True, repr=False)
class JobLayer(ShortRepr):
    """A layer of a job and its channels, as ranges that include both ends; no ranges mean all channels."""

    layer: str
    channels: tuple[tuple[int, int], ...]


@dataclass(frozen=True, repr=False)
class JobInfo(ShortRepr):
    """The state of a job and how many of its pictures have ended."""

    id: str
    state: JobState
    model: str
    layers: tuple[JobLayer, ...]
    item_count: int
    done_count: int  # pictures that are in the store
    cached_count: int  # those of them that were there before the job
    failed_count: int
    created_at: datetime
    ended_at: datetime | None  # None until it has ended
    sequence: int  # the number of its newest event
    detail: str  # what it waits for; empty if it does not wait
    seeds: tuple[int, ...] = ()  # of which each channel has a picture; empty for the template's alone
    owner: str = ""  # "key:" and the id of the API key that made it, or "cn:" and the name in a certificate

    @property
    def ended(self) -> bool:
        """Whether the job has ended and will not change."""
        return self.ended_at is not None


@dataclass(frozen=True, repr=False)
class JobItem(ShortRepr):
    """A picture of a job that has ended: finished if ``spec`` is not None, otherwise ``error`` says why not."""

    index: int  # in the order of the job's layers and channels
    layer: str
    channel: int
    spec: Spec | None
    spec_digest: str
    outcome: Outcome
    activation: float
    cached: bool
    error: str
    maker: str = ""  # the maker of the picture, as in ServerInfo.maker
    seed: int = 0  # that it was rendered with


@dataclass(frozen=True, repr=False)
class JobEvent(ShortRepr):
    """An event of a job: a picture that ended or, without an ``item``, the state of the job.

    Only the first event of a watch gives the job's ``model`` and ``layers``.
    """

    sequence: int
    job: JobInfo
    item: JobItem | None
