"""The operations of callers on jobs: create, get, list, watch, cancel."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import platformdirs
from reverie_ascent.runtime.process import Origin
from reverie_proto.v1 import catalog_pb2, jobs_pb2

from reverie_server.dispatch import Dispatcher
from reverie_server.errors import Draining, JobsOff
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.request import Check, validate
from reverie_server.jobs.runner import JobRunner
from reverie_server.jobs.states import OPEN
from reverie_server.jobs.waits import Waits
from reverie_server.limits import Limits
from reverie_server.request import paging
from reverie_server.request.validation import Violations
from reverie_server.scheduler.quotas import Accounts, no_bounds

log = logging.getLogger(__name__)

OFF = "off"


def default_file() -> str:
    """Return the path of the default file of jobs, in the user's data folder."""
    return str(Path(platformdirs.user_data_dir("reverie")) / "jobs.sqlite")


class Jobs:
    """The jobs of a server, in an SQLite file; if `path` is "off", calls raise JobsOff.

    A job belongs to the client that made it. `scope` is the client whose jobs a call is about: there are no others for
    it. None, the default, stands for all.

    Results go to the dispatcher's store; without a store calls raise JobsOff too. The file is opened by the first call
    that can open it; while another process has locked it, calls raise JobsUnreachable. Every call accesses the disk.
    """

    def __init__(
        self,
        path: str,
        dispatcher: Dispatcher,
        check: Check,
        layers: Callable[[str], list[catalog_pb2.Layer]],
        limits: Limits,
        accounts: Accounts = no_bounds,
    ) -> None:
        self._origin = Origin("an Engine")
        self._path = path
        self._check = check
        self._layers = layers
        self._limits = limits
        self._lock = Lock()
        self._repository: JobRepository | None = None
        self._listeners: set[Callable[[], None]] = set()
        #: A clause about why there are no jobs; empty if there are.
        self._off = "it was started without a file for them; --jobs names one" if path == OFF else ""
        if not self._off and not dispatcher.stores:
            self._off = "it has no store for their results; --store names one"
        self._waits = Waits(accounts)
        self._runner = None if self._off else JobRunner(self._open, check, dispatcher, self._waits, notify=self._notify)

    def charge(self, accounts: Accounts) -> None:
        """Charge the pictures that are begun from now on to the accounts of their jobs' owners."""
        self._waits.accounts = accounts
        if self._runner is not None:
            self._runner.wake()

    def create(self, request: jobs_pb2.CreateRenderJobRequest, *, owner: str = "") -> jobs_pb2.RenderJob:
        """Create a job of an owner; raise InvalidRequest, NotServed or TooManyJobs if it cannot be accepted."""
        repository = self._open()
        valid = validate(request, self._check, self._layers_by_name, self._limits)
        job = repository.create(str(uuid.uuid4()), valid, request.request_id, owner=owner)
        self._require_runner().wake()
        return job

    def get(self, job: str, *, scope: str | None = None) -> jobs_pb2.RenderJob:
        """Return the state of a job; raise NoSuchJob if there is none with this id in the scope."""
        return self._with_detail(self._open().get(job, scope=scope))

    def page(
        self, request: jobs_pb2.ListRenderJobsRequest, *, scope: str | None = None
    ) -> tuple[list[jobs_pb2.RenderJob], str]:
        """Return a page of jobs, the newest first, and the token of the next."""
        before, size = paging.begin(request, scope="jobs")
        jobs, next_before = self._open().newest(size, before=before, scope=scope)
        token = paging.token(next_before, scope="jobs") if next_before else ""
        return [self._with_detail(job) for job in jobs], token

    def cancel(self, job: str, *, scope: str | None = None) -> jobs_pb2.RenderJob:
        """Cancel a job before its next step, unless it has ended; raise NoSuchJob if there is none in the scope."""
        ended, number = self._open().cancel(job, scope=scope)
        self._require_runner().stop(number)
        self._require_runner().wake()
        self._notify()
        return ended

    def events_after(
        self, job: str, after: int, *, scope: str | None = None
    ) -> tuple[jobs_pb2.RenderJob, list[tuple[int, jobs_pb2.JobItem]]]:
        """Return a job and its next pictures that ended after the event `after`, with their sequence numbers.

        Raises NoSuchJob if there is no job with this id in the scope.
        """
        violations = Violations()
        violations.check_range("after_sequence", after, 0, 2**62)
        violations.raise_if_any()
        message, items = self._open().events(job, after, scope=scope)
        return self._with_detail(message), items

    @contextmanager
    def subscribed(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` from other threads when a job may have changed, while the block lasts."""
        self._origin.check()
        with self._lock:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def stop(self) -> None:
        """Stop working on jobs: every picture stops before its next step, and is rendered after the next start."""
        self._origin.check()
        if self._runner is not None:
            self._runner.close()

    def close(self) -> None:
        """Stop working on jobs, and close the file so that another process can open it."""
        self.stop()
        with self._lock:
            repository, self._repository = self._repository, None
            self._off = self._off or "it is shutting down"
        if repository is not None:
            repository.close()

    def _open(self) -> JobRepository:
        self._origin.check()
        with self._lock:
            if self._off:
                raise JobsOff(self._off)
            if self._repository is None:
                self._repository = JobRepository(JobDatabase(Path(self._path)), self._limits)
                log.info("jobs are stored in %s", self._path)
            return self._repository

    def _require_runner(self) -> JobRunner:
        if self._runner is None:
            raise Draining
        return self._runner

    def _layers_by_name(self, model: str) -> dict[str, catalog_pb2.Layer]:
        return {layer.name: layer for layer in self._layers(model)}

    def _with_detail(self, job: jobs_pb2.RenderJob) -> jobs_pb2.RenderJob:
        """Add the reason why an open job waits, which is not stored."""
        if job.state in OPEN:
            damage = self._open().damage(job.id)
            job.detail = damage or self._waits.reasons.get(job.owner) or self._require_runner().detail
        return job

    def _notify(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            with contextlib.suppress(RuntimeError):  # its event loop is closed
                listener()
