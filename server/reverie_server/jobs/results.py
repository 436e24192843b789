"""The pictures of jobs: those to make, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from reverie_proto.v1 import spec_pb2

from reverie_server.jobs.request import Item


@dataclass(frozen=True)
class Task:
    """A picture of a job that is not made yet."""

    job: int
    item: Item
    spec: spec_pb2.RenderSpec
    #: Its name in the log: the job's public id and the item's index.
    name: str
    #: The client that made the job and pays for the picture; empty if clients are not told apart.
    owner: str = ""


@dataclass(frozen=True)
class Done:
    """A picture that is in the store."""

    job: int
    index: int
    spec_digest: str
    maker: str
    outcome: int
    activation: float
    cached: bool
    error: str = ""


@dataclass(frozen=True)
class Failed:
    """A picture that cannot be made, and why."""

    job: int
    index: int
    error: str
    spec_digest: str = ""
    maker: str = ""
    outcome: int = 0
    activation: float = 0.0
    cached: bool = False
