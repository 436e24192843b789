"""A file of jobs with every page damaged in turn, deleted, replaced, or on a full disk: jobs are the only ones hurt.

For each page and each kind of damage an engine opens a file of twelve jobs, once after the damage and once before it,
and every call about jobs is made. Promised: a call answers, or is refused with a sentence (FAILED_PRECONDITION,
UNAVAILABLE, NOT_FOUND), never with an internal error; every job that the engine holds open can be cancelled; pictures
are rendered as before; a new job of a file that takes new jobs is completed. Run as
`python -m tests.reliability.job_file_faults`; the exit status is 1 if a promise is broken. Figures go to
bench/results/job_file_faults.json.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from reverie_proto.v1.jobs_pb2 import ChannelRange, CreateRenderJobRequest, JobLayer, ListRenderJobsRequest
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_server import Engine, Fault
from reverie_server.jobs import runner, waits

from tests.figures import write_json
from tests.reliability.store_faults import full_disk
from tests.server.jobs.job_files import DAMAGES, JOBS, PAGE_BYTES, damage, name, write_jobs
from tests.sizes import square

CODES = ("FAILED_PRECONDITION", "UNAVAILABLE", "NOT_FOUND")
PATIENCE_S = 60.0

Case = tuple[str, Callable[[Path], Any], bool]


def lost(path: Path) -> None:
    """Move the file away."""
    path.rename(path.with_suffix(".aside"))


def replaced(path: Path) -> None:
    """Put another file in its place."""
    lost(path)
    path.write_bytes(b"")


def cases(pages: int) -> Iterator[Case]:
    """Yield the name of each fault, what it does to the file, and whether the engine has the file open by then."""
    for is_open in (False, True):
        for page in range(pages):
            for kind in DAMAGES:
                yield kind, partial(damage, page=page, kind=kind), is_open
    yield "deleted", lost, True
    yield "replaced", replaced, True


class Outcomes:
    """The answers to calls, counted, and what was broken."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.broken: list[str] = []

    def of(self, case: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Return what a call returns, or None if it is refused."""
        try:
            answer = call(*arguments, **options)
        except Fault as fault:
            self.codes[fault.code] += 1
            if fault.code not in CODES:
                self.broken.append(f"{case}: {fault.code}: {fault}")
            return None
        except Exception as error:
            self.codes["INTERNAL"] += 1
            self.broken.append(f"{case}: {error!r}")
            return None
        self.codes["OK"] += 1
        return answer


def request() -> CreateRenderJobRequest:
    """Return a request for a job of two tiny pictures."""
    layer = JobLayer(layer="conv1_1", channels=[ChannelRange(first=0, last=1)])
    return CreateRenderJobRequest(template=RenderSpec(model="texture19", size=square(32), steps=1), layers=[layer])


def try_case(case: Case, whole: bytes, home: Path, outcomes: Outcomes) -> None:
    """Bring a fault about, and make every call."""
    kind, happens, is_open = case
    path, store = home / "jobs.sqlite", home / "results"
    for file in home.glob("jobs.*"):
        file.unlink()
    path.write_bytes(whole)
    if not is_open:
        happens(path)
    with Engine(device="cpu", threads=1, store=store, jobs=path) as engine:
        if is_open:
            outcomes.of(kind, engine.jobs.page, ListRenderJobsRequest())
            happens(path)
        for number in range(JOBS):
            outcomes.of(kind, engine.jobs.get, name(number))
            outcomes.of(kind, engine.jobs.events_after, name(number), 0)
        outcomes.of(kind, engine.jobs.page, ListRenderJobsRequest())
        made = outcomes.of(kind, engine.jobs.create, request())
        if made is not None and not ends(engine, made.id):
            outcomes.broken.append(f"{kind}: a new job does not end")
        repository = engine.jobs._repository
        for each in [] if repository is None else repository.open_jobs():
            cancelled = outcomes.of(kind, engine.jobs.cancel, each.message.id)
            if cancelled is None or not cancelled.HasField("ended_at"):
                outcomes.broken.append(f"{kind}: {each.message.id} cannot be cancelled")
        if engine.render("texture19", "conv1_1", 0, size=32, steps=1).steps != 1:
            outcomes.broken.append(f"{kind}: no picture")


def ends(engine: Engine, job: str) -> bool:
    """Wait for the end of a job; return whether it came. A part of the file that it needs may be damaged."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            seen = engine.jobs.get(job)
        except Fault:
            return True
        if seen.HasField("ended_at") or "is damaged" in seen.detail:
            return True
        time.sleep(0.01)
    return False


def on_a_full_disk(home: Path, outcomes: Outcomes) -> None:
    """Cancel a job while the disk is full; it must end, and stay cancelled after a restart."""
    places: dict[str, Any] = {"store": home / "results", "jobs": home / "full.sqlite"}
    with Engine(device="cpu", threads=1, **places) as engine:
        job = request()
        job.template.steps = 10_000
        job.template.size.CopyFrom(square(224))
        going = engine.jobs.create(job).id
        with full_disk(home):
            while outcomes.of("disk full", engine.jobs.create, request()) is not None:
                pass
            cancelled = outcomes.of("disk full", engine.jobs.cancel, going)
            if cancelled is None or not cancelled.HasField("ended_at"):
                outcomes.broken.append("disk full: a job cannot be cancelled")
        made = outcomes.of("disk no longer full", engine.jobs.get, going)
        until = time.monotonic() + PATIENCE_S
        while engine.jobs._open()._open.cancelled() and time.monotonic() < until:
            time.sleep(0.05)
    with Engine(device="cpu", threads=1, **places) as engine:
        again = outcomes.of("after a restart", engine.jobs.get, going)
        if made is None or again is None or not again.HasField("ended_at"):
            outcomes.broken.append("disk full: the job is not cancelled after a restart")


@contextmanager
def impatient() -> Iterator[None]:
    """Let the runner try again at once, and log nothing of what is expected."""
    logging.disable(logging.CRITICAL)
    try:
        with mock.patch.object(runner, "LONGEST_PAUSE_S", 0.1), mock.patch.object(waits, "RECHECK_S", 0.1):
            yield
    finally:
        logging.disable(logging.NOTSET)


def main() -> None:
    """Try each fault and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench/results/job_file_faults.json"))
    chosen = parser.parse_args()
    outcomes = Outcomes()
    with tempfile.TemporaryDirectory(prefix="reverie-job-file-") as folder, impatient():
        home = Path(folder)
        whole = write_jobs(home / "whole.sqlite")
        faults = list(cases(len(whole) // PAGE_BYTES))
        for case in faults:
            try_case(case, whole, home, outcomes)
        on_a_full_disk(home, outcomes)
    figures = {
        "pages": len(whole) // PAGE_BYTES,
        "faults": len(faults) + 1,
        "calls": outcomes.codes,
        "broken": outcomes.broken,
    }
    write_json(chosen.out, figures)
    print(f"{figures['faults']} faults, {dict(outcomes.codes)}")
    print("\n".join(outcomes.broken) or "every promise holds")
    sys.exit(bool(outcomes.broken))


if __name__ == "__main__":
    main()
