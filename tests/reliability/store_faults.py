"""Faults of the store and the disk lose no pictures: full, read-only and damaged stores, and clock jumps.

Each fault is real as far as a process without privileges can cause it (a limit on the size of files for a full disk, a
file where a folder should be, changed bits). Promised: every request gets its picture, with the same bytes as without
a store; the log names the problem; everything works again after the fault. Run as
`python -m tests.reliability.store_faults`; the exit status is 1 if a promise is broken. Figures go to
bench/results/store_faults.json.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from reverie_proto.v1.jobs_pb2 import JOB_STATE_SUCCEEDED, CreateRenderJobRequest, JobLayer
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_server import Engine
from reverie_server.jobs import runner
from reverie_server.store import breaker

from tests.figures import write_json
from tests.sizes import square

CHANNELS = range(6)
LAYER = "conv2_1"
#: Smaller than an entry of these pictures, larger than a page of SQLite.
SIZE_PX, FILE_LIMIT_BYTES = 96, 64 * 1024
YEARS_S = 10 * 365 * 86400


@dataclass(frozen=True)
class Fault:
    """A fault, as a context manager that is given the store's folder, and the message in the log."""

    name: str
    happens: Callable[[Path], object]
    logged: str
    #: Whether pictures can be stored during the fault.
    stores: bool


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Make every write fail beyond some size, after a part of it was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Put a file where the store's folder should be, so that even root cannot write there."""
    aside = folder.with_suffix(".aside")
    if folder.exists():
        folder.rename(aside)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)


@contextmanager
def damaged(folder: Path) -> Iterator[None]:
    """Change a bit, the length or all bytes of each entry."""
    chance = random.Random(0)
    for path in folder.rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            place = chance.randrange(len(data))
            data[place] ^= 1 << chance.randrange(8)
            path.write_bytes(chance.choice([bytes(data), bytes(data[:place]), bytes(len(data))]))
    yield


@contextmanager
def clock(folder: Path, jump_s: float) -> Iterator[None]:
    """Change the clock, and with it the times of files."""
    real = time.time
    for path in folder.rglob("*"):
        os.utime(path, (real() - jump_s, real() - jump_s))

    def jumped() -> float:
        return real() + jump_s

    with mock.patch("time.time", jumped):
        yield


FAULTS = [
    Fault("disk full", full_disk, "File too large", stores=False),
    Fault("store read-only", read_only, "Not a directory", stores=False),
    Fault("entries damaged", damaged, "is damaged", stores=True),
    Fault("clock ten years ahead", lambda folder: clock(folder, YEARS_S), "", stores=True),
    Fault("clock ten years back", lambda folder: clock(folder, -YEARS_S), "", stores=True),
]


class Lines(logging.Handler):
    """A log handler that keeps its lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def broken_by(fault: Fault, right: list[bytes]) -> list[str]:
    """Return the promises that are broken during a fault or after it."""
    lines = Lines()
    logging.getLogger("reverie_server").addHandler(lines)
    with (
        tempfile.TemporaryDirectory(prefix="reverie-faults-") as home,
        mock.patch.object(breaker.Breaker, "closed", return_value=True),  # skip the pause of 15 s
        mock.patch.object(runner, "LONGEST_PAUSE_S", 0.2),
    ):
        folder, jobs = Path(home, "results"), Path(home, "jobs.sqlite")
        with Engine(device="cpu", threads=1, store=folder, jobs=jobs) as engine:
            pictures(engine, CHANNELS[:3])
            settle(engine)
            with fault.happens(folder):  # type: ignore[attr-defined]
                during = pictures(engine, CHANNELS)
                settle(engine)
                before = engine.counts()
            job = engine.jobs.create(request())
            until = time.monotonic() + 60
            while not (job_state := engine.jobs.get(job.id)).HasField("ended_at") and time.monotonic() < until:
                time.sleep(0.02)
            after = pictures(engine, CHANNELS, cache="only")
    logging.getLogger("reverie_server").removeHandler(lines)
    promises = {
        "every picture is the right one": during == right,
        "the log says what is wrong": not fault.logged or any(fault.logged in line for line in lines.lines),
        "a picture counts as stored when it is": (before.not_stored == 0) == fault.stores,
        "a job completes afterwards": job_state.state == JOB_STATE_SUCCEEDED,
        "the store has the right pictures afterwards": after == right,
    }
    return [promise for promise, holds in promises.items() if not holds]


def pictures(engine: Engine, channels: range, **options: str) -> list[bytes]:
    """Return a picture of each channel, rendered or from the store."""
    common = {"size": SIZE_PX, "steps": 4, **options}
    return [engine.render("texture19", LAYER, channel, **common).encoded() for channel in channels]  # type: ignore[arg-type]


def settle(engine: Engine) -> None:
    """Wait until every result has been given to the store."""
    while (counts := engine.counts()).stored + counts.not_stored < engine.stats().finished:
        time.sleep(0.01)


def request() -> CreateRenderJobRequest:
    """Return a job of all channels of the layer."""
    template = RenderSpec(model="texture19", size=square(SIZE_PX), steps=4)
    return CreateRenderJobRequest(template=template, layers=[JobLayer(layer=LAYER)])


def main() -> None:
    """Try each fault and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench/results/store_faults.json"))
    chosen = parser.parse_args()
    with Engine(device="cpu", threads=1) as engine:
        right = pictures(engine, CHANNELS)
    broken = {fault.name: broken_by(fault, right) for fault in FAULTS}
    write_json(chosen.out, {"pictures": len(right), "broken": broken})
    for name, promises in broken.items():
        print(f"{name:24} {'; '.join(promises) or 'every promise holds'}")
    sys.exit(any(broken.values()))


if __name__ == "__main__":
    main()
