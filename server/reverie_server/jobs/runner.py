"""Renders the pictures of jobs in a thread, a few at a time, and records each once it is in the store."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable
from threading import Event, Lock, Thread

from reverie_proto.v1 import spec_pb2, visualization_pb2

from reverie_server.dispatch import Dispatcher, Subscription
from reverie_server.errors import (
    Draining,
    Fault,
    Interrupted,
    InvalidRequest,
    JobsOff,
    JobsUnreachable,
    NotServed,
    QueueFull,
    QuotaExceeded,
)
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.request import Check
from reverie_server.jobs.results import Done, Failed, Task
from reverie_server.jobs.shares import AT_ONCE, Candidate, JobShares
from reverie_server.jobs.waits import Waits
from reverie_server.request.events import Rendering
from reverie_server.store import StoreWriteError

log = logging.getLogger(__name__)

#: The first and the longest pause after a temporary failure, in seconds.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

ItemKey = tuple[int, int]


class JobRunner:
    """Works through the jobs of a repository until closed.

    `open_repository` may raise JobsUnreachable and is then called again later. `notify` is called after every change of
    a job.
    """

    def __init__(
        self,
        open_repository: Callable[[], JobRepository],
        check: Check,
        dispatcher: Dispatcher,
        waits: Waits,
        *,
        notify: Callable[[], None],
    ) -> None:
        self._open_repository = open_repository
        self._check = check
        self._dispatcher = dispatcher
        self._waits = waits
        self._notify = notify
        self._woken = Event()
        self._lock = Lock()
        self._subscriptions: dict[ItemKey, Subscription] = {}
        self._shares = JobShares()
        self._closing = False
        self._pause_s = 0.0
        #: Seconds until the owners of open jobs are checked again; None if there are no open jobs.
        self._recheck_s: float | None = None
        #: A sentence about why the jobs wait; empty while they make progress.
        self.detail = ""
        self._thread = Thread(target=self._work, name="reverie-jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Let the thread look for new jobs now."""
        self._woken.set()

    def stop(self, job: int) -> None:
        """Stop the pictures of a job before their next step."""
        with self._lock:
            stopped = [each for (number, _), each in self._subscriptions.items() if number == job]
        for subscription in stopped:
            subscription.stop()

    def close(self) -> None:
        """Stop all pictures before their next step, and wait for the thread; unfinished pictures stay in their jobs."""
        with self._lock:
            self._closing = True
            stopped = list(self._subscriptions.values())
        for subscription in stopped:
            subscription.stop()
        self._woken.set()
        self._thread.join()

    # ----- in the thread -----

    def _work(self) -> None:
        while not self._closing:
            try:
                reason = self._turn(self._open_repository())
            except (JobsUnreachable, JobsOff) as fault:
                reason = str(fault)
            except Exception as error:  # a bug of ours must not stop other jobs
                log.exception("a turn of the jobs failed")
                reason = f"an internal error ({type(error).__name__})"
            if reason:
                self._pause(reason)
            else:
                self._woken.wait(self._recheck_s)
                self._woken.clear()

    def _turn(self, repository: JobRepository) -> str:
        """Record what has ended and submit more; return a reason to wait, or an empty string."""
        ends, reason = self._collect()
        self._check_owners(repository, written=repository.write_cancelled())
        if ends:
            repository.record_results(ends)
            self._notify()
        if reason:
            return reason
        if ends:
            self._pause_s, self.detail = 0.0, ""
        # After a failure one picture at a time is submitted, to find out whether it persists.
        self._submit(repository, AT_ONCE if not self._pause_s else 1)
        return ""

    def _collect(self) -> tuple[list[Done | Failed], str]:
        """Return the results of pictures that ended, and a reason to wait if some must be submitted again."""
        ends: list[Done | Failed] = []
        reason = ""
        for key, subscription in list(self._subscriptions.items()):
            end = _end(subscription)
            if end is None:
                continue
            with self._lock:
                del self._subscriptions[key]
            if isinstance(end, Rendering):
                ends.append(_done(key, end))
                self._shares.charge(key[0], 0.0 if end.cached else end.device_s)
            elif isinstance(end, StoreWriteError):
                reason = f"results cannot be stored: {end}"
            elif isinstance(end, QueueFull | Draining):
                reason = reason or str(end)
            elif not isinstance(end, Interrupted | QuotaExceeded):  # both are submitted again
                ends.append(_failed(key, subscription.request.call, end))
        return ends, reason

    def _check_owners(self, repository: JobRepository, *, written: bool) -> None:
        """Find out whose jobs wait, and stop the pictures of owners that are not known any more."""
        owners = {job.owner for job in repository.open_jobs()}
        if self._waits.update(owners):
            log.info("the jobs of %d clients wait for their quota or their key", len(self._waits.reasons))
            self._notify()
        for subscription in list(self._subscriptions.values()):
            if self._waits.unknown(subscription.account.owner):
                subscription.stop()
        self._recheck_s = self._waits.recheck_s if owners or not written else None

    def _submit(self, repository: JobRepository, at_once: int) -> None:
        invalid = []
        open_jobs = [job for job in repository.open_jobs() if not job.damage and job.owner not in self._waits.reasons]
        jobs = [Candidate(job.number, job.owner, job.left) for job in open_jobs]
        self._shares.update(jobs)
        counts = self._shares.allot(jobs, Counter(job for job, _ in self._subscriptions), at_once=at_once)
        for task in repository.tasks(counts, besides=self._subscriptions.keys()):
            account = self._waits.account(task.owner)
            if account is None:  # since it was checked
                continue
            try:
                request = visualization_pb2.RenderImageRequest(
                    spec=task.spec, priority=visualization_pb2.PRIORITY_BATCH
                )
                checked = self._check(request, call=task.name)
            except (InvalidRequest, NotServed) as fault:  # the models have changed since the job was created
                invalid.append(Failed(task.job, task.item.index, str(fault)))
            else:
                subscription = self._dispatcher.submit(
                    checked,
                    self._woken.set,
                    client=f"jobs of {task.owner}",
                    job=str(task.job),
                    account=account,
                    durable=True,
                )
                self._begin(task, subscription)
        if invalid:
            repository.record_results(invalid)
            self._notify()
            self._woken.set()

    def _begin(self, task: Task, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions[task.job, task.item.index] = subscription
            closing = self._closing
        if closing:
            subscription.stop()

    def _pause(self, reason: str) -> None:
        """Pause, even if woken, but return at once when the runner is closed."""
        if reason != self.detail:
            log.warning("jobs wait: %s", reason)
            self.detail = reason
            self._notify()
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))
        until = time.monotonic() + self._pause_s
        while not self._closing and (left := until - time.monotonic()) > 0:
            self._woken.wait(left)
            self._woken.clear()


def _end(subscription: Subscription) -> Rendering | BaseException | None:
    """Return the rendering or the exception that ended a picture, or None if it has not ended."""
    try:
        while (event := subscription.take()) is not None:
            if isinstance(event, Rendering):
                return event
    except BaseException as error:
        return error
    return None


def _done(key: ItemKey, rendering: Rendering) -> Done:
    return Done(
        *key,
        spec_digest=rendering.spec_digest,
        maker=rendering.maker,
        outcome=spec_pb2.Outcome.Value(f"OUTCOME_{rendering.outcome}".upper()),
        activation=rendering.activation,
        cached=rendering.cached,
    )


def _failed(key: ItemKey, call: str, error: BaseException) -> Failed:
    if isinstance(error, Fault):
        return Failed(*key, error=str(error))
    incident = uuid.uuid4().hex
    log.error("incident %s in a picture of a job", incident, exc_info=error, extra={"request_id": call})
    return Failed(*key, error=f"internal error, incident {incident}")
