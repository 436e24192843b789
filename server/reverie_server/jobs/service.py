"""Jobs as callers see them: create, look, watch, cancel."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import platformdirs
from reverie_proto.v1 import catalog_pb2, jobs_pb2

from reverie_server.dispatch import Desk
from reverie_server.errors import Draining, JobsOff
from reverie_server.jobs import request as template
from reverie_server.jobs.database import JobFile
from reverie_server.jobs.repository import Book
from reverie_server.jobs.request import Check
from reverie_server.jobs.runner import Foreman
from reverie_server.jobs.states import OPEN
from reverie_server.limits import Limits
from reverie_server.request import paging
from reverie_server.request.validation import Notes

log = logging.getLogger(__name__)

OFF = "off"


def default_file() -> str:
    """Return where jobs are remembered unless told otherwise: among the user's data."""
    return str(Path(platformdirs.user_data_dir("reverie")) / "jobs.sqlite")


class Jobs:
    """The jobs of a server, in an SQLite file; `path` "off" means that there are none.

    Results go to the desk's store, without which there are no jobs. The file is opened as soon as it can be: while
    another process has it, calls raise JobsUnreachable. Every call touches the disk.
    """

    def __init__(
        self,
        path: str,
        desk: Desk,
        check: Check,
        layers: Callable[[str], list[catalog_pb2.Layer]],
        limits: Limits,
    ) -> None:
        self._path = path
        self._check = check
        self._layers = layers
        self._limits = limits
        self._lock = Lock()
        self._book: Book | None = None
        self._bells: set[Callable[[], None]] = set()
        self._why_not = "it was started without a file for them; --jobs names one" if path == OFF else ""
        if not self._why_not and not desk.stores:
            self._why_not = "it has no store for their results; --store names one"
        self._foreman = None if self._why_not else Foreman(self._open, check, desk, tell=self._tell)

    def create(self, request: jobs_pb2.CreateRenderJobRequest) -> jobs_pb2.RenderJob:
        """Begin a job; raise InvalidRequest, NotServed or TooManyJobs."""
        book = self._open()
        asked = template.take(request, self._check, self._by_name, self._limits)
        job = book.create(str(uuid.uuid4()), asked, request.request_id)
        self._working().look()
        return job

    def get(self, job: str) -> jobs_pb2.RenderJob:
        """Return how a job stands; raise NoSuchJob."""
        return self._told(self._open().get(job))

    def page(self, request: jobs_pb2.ListRenderJobsRequest) -> tuple[list[jobs_pb2.RenderJob], str]:
        """Return a page of jobs, the newest first, and the token of the next."""
        before, size = paging.begin(request, scope="jobs")
        jobs, next_before = self._open().newest(size, before=before)
        return [self._told(job) for job in jobs], paging.token(next_before, scope="jobs") if next_before else ""

    def cancel(self, job: str) -> jobs_pb2.RenderJob:
        """End a job before its next step, unless it has ended; raise NoSuchJob."""
        ended, number = self._open().cancel(job)
        self._working().stop(number)
        self._tell()
        return ended

    def news(self, job: str, after: int) -> tuple[jobs_pb2.RenderJob, list[tuple[int, jobs_pb2.JobItem]]]:
        """Return a job and the next of its pictures that ended, with their sequence numbers; raise NoSuchJob."""
        notes = Notes()
        notes.within("after_sequence", after, 0, 2**62)
        notes.refuse()
        told, items = self._open().events(job, after)
        return self._told(told), items

    @contextmanager
    def heard(self, bell: Callable[[], None]) -> Iterator[None]:
        """Call `bell`, from other threads, whenever there may be news, while the block lasts."""
        with self._lock:
            self._bells.add(bell)
        try:
            yield
        finally:
            with self._lock:
                self._bells.discard(bell)

    def stop(self) -> None:
        """Work on no job any more: every picture ends before its next step, and is made after the next start."""
        if self._foreman is not None:
            self._foreman.close()

    def close(self) -> None:
        """Stop, and let another process have the file."""
        self.stop()
        with self._lock:
            book, self._book, self._why_not = self._book, None, self._why_not or "it is shutting down"
        if book is not None:
            book.close()

    def _open(self) -> Book:
        with self._lock:
            if self._why_not:
                raise JobsOff(self._why_not)
            if self._book is None:
                self._book = Book(JobFile(Path(self._path)), self._limits)
                log.info("jobs are remembered in %s", self._path)
            return self._book

    def _working(self) -> Foreman:
        if self._foreman is None:
            raise Draining
        return self._foreman

    def _by_name(self, model: str) -> dict[str, catalog_pb2.Layer]:
        return {layer.name: layer for layer in self._layers(model)}

    def _told(self, job: jobs_pb2.RenderJob) -> jobs_pb2.RenderJob:
        """Add what only this process knows."""
        if job.state in OPEN:
            job.detail = self._working().detail
        return job

    def _tell(self) -> None:
        with self._lock:
            bells = list(self._bells)
        for bell in bells:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody listens any more
                bell()
