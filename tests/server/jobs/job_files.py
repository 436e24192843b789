"""Files of jobs, written without an engine, and damage to their pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from reverie_proto.v1.jobs_pb2 import ChannelRange, JobLayer
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.request import Item, JobRequest
from reverie_server.jobs.results import Done
from reverie_server.limits import Limits

PAGE_BYTES = 4096
#: Jobs in a file, and those of them that are cancelled.
JOBS, CANCELLED = 12, 4
#: Pictures of each job, and those of an open job that are made.
PICTURES, MADE = 60, 20


def name(number: int) -> str:
    """Return the id of a job."""
    return f"job-{number}"


def request(pictures: int = PICTURES, *, ranges: int = 1) -> JobRequest:
    """Return a request for pictures; with many ranges its row does not fit one page."""
    layer = JobLayer(layer="conv1_1", channels=[ChannelRange(first=0, last=5)] * ranges)
    return JobRequest(RenderSpec(model="tiny"), [layer], [Item(i, "conv1_1", i % 6) for i in range(pictures)])


def write_jobs(path: Path) -> bytes:
    """Write a file with open and cancelled jobs of two owners, and return its bytes."""
    repository = JobRepository(JobDatabase(path), Limits())
    for number in range(JOBS):
        ranges = 1000 if number % 4 == 0 else 1
        repository.create(name(number), request(ranges=ranges), f"request {number}", owner=f"key:{number % 2}")
        if number < CANCELLED:
            repository.cancel(name(number))
        else:
            made = [Done(number + 1, i, "d" * 64, "m" * 60, 1, 0.5, cached=False) for i in range(MADE)]
            repository.record_results(made)
    repository.close()
    return path.read_bytes()


#: What a page becomes, given its bytes and a source of chance.
DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "random": lambda page, chance: chance.randbytes(len(page)),
    "zeros": lambda page, chance: bytes(len(page)),
    "ones": lambda page, chance: b"\xff" * len(page),
    "a bit of each byte": lambda page, chance: bytes(byte ^ 1 << chance.randrange(8) for byte in page),
    "its second half": lambda page, chance: page[: len(page) // 2] + chance.randbytes(len(page) // 2),
}


def damage(path: Path, page: int, kind: str) -> None:
    """Overwrite one page of a file in place."""
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        before = file.read(PAGE_BYTES)
        file.seek(page * PAGE_BYTES)
        file.write(DAMAGES[kind](before, random.Random(page)))
