"""The repository of jobs: their requests, their results, and the order of the results."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from reverie_proto.v1 import jobs_pb2
from sqlalchemy import Connection, Row, delete, insert, select, update

from reverie_server.errors import JobsOff, JobsUnreachable, NoSuchJob, TooManyJobs
from reverie_server.jobs.database import Damaged, JobDatabase
from reverie_server.jobs.open_jobs import OpenJob, OpenJobs
from reverie_server.jobs.request import JobRequest
from reverie_server.jobs.results import Done, Failed, Task
from reverie_server.jobs.rows import decoding, item, item_message, item_spec, job_message
from reverie_server.jobs.schema import ITEMS, JOBS, request_key
from reverie_server.jobs.states import OPEN
from reverie_server.limits import Limits
from reverie_server.request.paging import first

log = logging.getLogger(__name__)

#: The most events that one call returns.
PAGE = 100


class JobRepository:
    """Jobs in a database. When a call returns, its changes are on the disk, except for `cancel` of a broken file.

    Every call may raise JobsUnreachable or JobsOff. If a part of the file is damaged, only calls about the jobs in that
    part raise Damaged. A job has an owner, and `scope` is the owner whose jobs a call is about; None stands for all.
    """

    def __init__(self, database: JobDatabase, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._open = OpenJobs()
        for row in self._rows():
            if row.state in OPEN:
                with contextlib.suppress(Damaged):  # calls about it say so
                    self._open.update(row.number, job_message(row))

    def create(self, job: str, request: JobRequest, request_id: str, *, owner: str = "") -> jobs_pb2.RenderJob:
        """Add a job, or return the one with the same request id; raise TooManyJobs if too many are open."""
        key = request_key(owner, request_id)
        with self._database.transaction() as connection:
            if key and (row := connection.execute(select(JOBS).where(JOBS.c.request_id == key)).first()):
                with decoding():
                    request.require_same(row.request)
                return self._open.find_cancelled(row.id, owner) or job_message(row)
            self._check_room(owner)
            values = {
                "id": job,
                "request_id": key,
                "owner": owner,
                "request": request.message().SerializeToString(),
                "state": jobs_pb2.JOB_STATE_QUEUED,
                "created_at": time.time(),
                "item_count": len(request.items),
            }
            (number,) = connection.execute(insert(JOBS).values(values)).inserted_primary_key or (0,)
            rows = [
                {"job": number, "place": each.index, "layer": each.layer, "channel": each.channel, "seed": each.seed}
                for each in request.items
            ]
            connection.execute(insert(ITEMS), rows)
            message = job_message(connection.execute(select(JOBS).where(JOBS.c.number == number)).one())
        self._open.update(number, message)
        return message

    def get(self, job: str, *, scope: str | None = None) -> jobs_pb2.RenderJob:
        """Return a job; raise NoSuchJob if there is none with this id."""
        if cancelled := self._open.find_cancelled(job, scope):
            return cancelled
        try:
            with self._database.transaction() as connection:
                return job_message(_row(connection, job, scope))
        except Damaged:
            if (entry := self._open.find(job, scope)) is None:
                raise
            return entry.message

    def newest(self, count: int, *, before: int, scope: str | None = None) -> tuple[list[jobs_pb2.RenderJob], int]:
        """Return jobs, the newest first, and the number to pass as `before` for the next page, 0 after the last.

        `before=0` starts with the newest. There are fewer than `count` if more are too long for a page. Jobs in damaged
        parts of the file are left out.
        """
        query = select(JOBS).order_by(JOBS.c.number.desc())
        query = query.where(JOBS.c.number < before) if before else query
        query = query if scope is None else query.where(JOBS.c.owner == scope)
        try:
            with self._database.transaction() as connection:
                rows = connection.execute(query)
                page = self._page(rows, count, scope)
                rows.close()
                return page
        except Damaged:
            whole = [row for row in self._rows() if scope in (None, row.owner) and (not before or row.number < before)]
            return self._page(sorted(whole, key=lambda row: -row.number), count, scope)

    def _page(self, rows: Iterable[Row[Any]], count: int, scope: str | None) -> tuple[list[jobs_pb2.RenderJob], int]:
        """Return the first readable jobs that fit on a page, and the number of the last one if there are more."""
        numbers: list[int] = []

        def messages() -> Iterator[jobs_pb2.RenderJob]:
            for row in rows:
                try:
                    message = self._open.find_cancelled(row.id, scope) or job_message(row)
                except Damaged:
                    continue
                numbers.append(row.number)
                yield message

        jobs, more = first(messages(), count)
        return jobs, numbers[len(jobs) - 1] if more else 0

    def cancel(self, job: str, *, scope: str | None = None) -> tuple[jobs_pb2.RenderJob, int]:
        """Cancel a job unless it has ended; return it and its number.

        If that cannot be written now, an open job is cancelled in memory, and `write_cancelled` writes it later.
        """
        entry = self._open.find(job, scope)
        try:
            with self._database.transaction() as connection:
                row = _row(connection, job, scope)
                if row.state in OPEN:
                    _end(connection, row.number, jobs_pb2.JOB_STATE_CANCELLED)
                message = job_message(_row(connection, job, scope))
        except (JobsUnreachable, JobsOff):
            if cancelled := self._open.find_cancelled(job, scope):
                return cancelled, 0
            if entry is None:
                raise
            return self._open.cancel(entry), entry.number
        self._open.forget(row.number)
        self._delete_oldest(row.owner)
        return message, row.number

    def write_cancelled(self) -> bool:
        """Write which jobs were cancelled while that could not be written; return whether all are written now."""
        for number in self._open.cancelled():
            try:
                with self._database.transaction() as connection:
                    if connection.execute(select(JOBS).where(JOBS.c.number == number, JOBS.c.state.in_(OPEN))).first():
                        _end(connection, number, jobs_pb2.JOB_STATE_CANCELLED)
            except (JobsUnreachable, JobsOff):
                return False
            self._open.forget(number)
        return True

    def open_jobs(self) -> list[OpenJob]:
        """Return the jobs that have not ended, the oldest first."""
        return self._open.in_order()

    def damage(self, job: str) -> str:
        """Return why an open job cannot go on; an empty string if it can."""
        entry = self._open.find(job, None)
        return entry.damage if entry else ""

    def tasks(self, counts: Mapping[int, int], *, besides: Collection[tuple[int, int]]) -> list[Task]:
        """Return the next pictures to make of open jobs, so many of each; without `besides`, those being made.

        A job in a damaged part of the file waits from then on, and the others go on.
        """
        tasks: list[Task] = []
        for entry in self._open.in_order():
            if not (count := counts.get(entry.number, 0)):
                continue
            try:
                made = [place for job, place in besides if job == entry.number]
                tasks += self._tasks_of(entry, count, besides=made)
            except Damaged as fault:
                self._give_up(entry, fault)
        return tasks

    def record_results(self, ends: Sequence[Done | Failed]) -> None:
        """Record the results of pictures, and the end of each job that is complete; ignore results of ended jobs."""
        for number, of_job in itertools.groupby(sorted(ends, key=lambda end: end.job), key=lambda end: end.job):
            try:
                self._record(number, list(of_job))
            except Damaged as fault:
                for entry in self._open.in_order():
                    if entry.number == number:
                        self._give_up(entry, fault)

    def events(
        self, job: str, after: int, *, scope: str | None = None
    ) -> tuple[jobs_pb2.RenderJob, list[tuple[int, jobs_pb2.JobItem]]]:
        """Return a job and its next pictures that ended after the event `after`, with their sequence numbers."""
        cancelled = self._open.find_cancelled(job, scope)
        try:
            with self._database.transaction() as connection:
                row = _row(connection, job, scope)
                query = select(ITEMS).where(ITEMS.c.job == row.number, ITEMS.c.sequence > after)
                with decoding():
                    items = connection.execute(query.order_by(ITEMS.c.sequence).limit(PAGE)).all()
                message = cancelled or job_message(row)
                return message, [(each.sequence, item_message(each, message.template)) for each in items]
        except (JobsUnreachable, JobsOff):
            if cancelled is None:
                raise
            return cancelled, []

    def close(self) -> None:
        """Close the database, so that another process can open it."""
        self._database.close()

    # ----- parts of the calls -----

    def _rows(self) -> list[Row[Any]]:
        """Return the rows of all jobs that can be read."""
        try:
            with self._database.transaction() as connection:
                return list(connection.execute(select(JOBS)).all())
        except Damaged:
            rows: list[Row[Any]] = []
            with self._database.transaction() as connection:
                # An index has the numbers too, on pages of its own.
                numbers = connection.execute(select(JOBS.c.number).order_by(JOBS.c.id)).scalars().all()
            for number in numbers:
                with contextlib.suppress(Damaged), self._database.transaction() as connection:
                    rows += connection.execute(select(JOBS).where(JOBS.c.number == number)).all()
            return rows

    def _check_room(self, owner: str) -> None:
        """Raise TooManyJobs if an owner, or all together, have as many open jobs as they may have."""
        most = self._limits.max_open_jobs
        if (open_jobs := self._open.count(owner)) >= most:
            raise TooManyJobs(open_jobs)
        if (open_jobs := self._open.count()) >= max(most, self._limits.max_open_jobs_in_all):
            raise TooManyJobs(open_jobs, scope=" of all clients")

    def _tasks_of(self, entry: OpenJob, count: int, *, besides: Collection[int]) -> list[Task]:
        of_job = select(ITEMS).where(ITEMS.c.job == entry.number, ITEMS.c.sequence.is_(None))
        unfinished = of_job.where(ITEMS.c.place.not_in(besides)).order_by(ITEMS.c.place).limit(count)
        with self._database.transaction() as connection, decoding():
            rows: Sequence[Row[Any]] = connection.execute(unfinished).all()
        job = entry.message
        return [
            Task(entry.number, item(row), item_spec(row, job.template), f"{job.id}/{row.place}", job.owner)
            for row in rows
        ]

    def _give_up(self, entry: OpenJob, fault: Damaged) -> None:
        """Let a job wait, because its part of the file is damaged."""
        if not entry.damage:
            entry.damage = (
                f"its part of the file of jobs is damaged ({fault.problem}): it cannot go on and can only be cancelled"
            )
            log.error("job %s: %s", entry.message.id, entry.damage)

    def _record(self, number: int, ends: Sequence[Done | Failed]) -> None:
        if number in self._open.cancelled():
            return
        with self._database.transaction() as connection, decoding():
            for end in ends:
                row = connection.execute(select(JOBS).where(JOBS.c.number == number, JOBS.c.state.in_(OPEN))).first()
                if row is not None:
                    _record_result(connection, row, end)
            row = connection.execute(select(JOBS).where(JOBS.c.number == number)).first()
            message = None if row is None else job_message(row)
        if message is None:
            self._open.forget(number)
            return
        self._open.update(number, message)
        if message.state not in OPEN:
            self._delete_oldest(message.owner)

    def _delete_oldest(self, owner: str) -> None:
        """Delete the oldest ended jobs beyond the bounds, of an owner and of all; a failure leaves them for later."""
        most, most_in_all = self._limits.max_ended_jobs, self._limits.max_ended_jobs_in_all
        ended = select(JOBS.c.number).where(JOBS.c.state.not_in(OPEN)).order_by(JOBS.c.number.desc())
        with contextlib.suppress(JobsUnreachable, JobsOff), self._database.transaction() as connection:
            for query, kept in ((ended.where(JOBS.c.owner == owner), most), (ended, max(most, most_in_all))):
                oldest = connection.execute(query.offset(kept)).scalars().all()
                connection.execute(delete(JOBS).where(JOBS.c.number.in_(oldest)))


def _row(connection: Connection, job: str, scope: str | None) -> Row[Any]:
    """Return the row of a job; to a client whose job it is not there is none."""
    row = connection.execute(select(JOBS).where(JOBS.c.id == job)).first()
    if row is None or scope not in (None, row.owner):
        raise NoSuchJob(job)
    return row


def _record_result(connection: Connection, row: Row[Any], end: Done | Failed) -> None:
    """Record the result of one picture of an open job."""
    values = {
        "sequence": row.sequence + 1,
        "spec_digest": end.spec_digest,
        "maker": end.maker,
        "outcome": end.outcome,
        "activation": end.activation,
        "cached": end.cached,
        "error": end.error,
    }
    updated = connection.execute(
        update(ITEMS)
        .where(ITEMS.c.job == end.job, ITEMS.c.place == end.index, ITEMS.c.sequence.is_(None))
        .values(values)
    )
    if not updated.rowcount:
        return  # it is recorded already
    failed = isinstance(end, Failed)
    counts = {
        "done_count": row.done_count + (not failed),
        "cached_count": row.cached_count + end.cached,
        "failed_count": row.failed_count + failed,
    }
    connection.execute(
        update(JOBS)
        .where(JOBS.c.number == end.job)
        .values(counts | {"sequence": row.sequence + 1, "state": jobs_pb2.JOB_STATE_RUNNING})
    )
    if counts["done_count"] + counts["failed_count"] == row.item_count:
        _end(connection, end.job, jobs_pb2.JOB_STATE_FAILED if counts["failed_count"] else jobs_pb2.JOB_STATE_SUCCEEDED)


def _end(connection: Connection, number: int, state: int) -> None:
    """End a job."""
    connection.execute(
        update(JOBS)
        .where(JOBS.c.number == number)
        .values(state=state, ended_at=time.time(), sequence=JOBS.c.sequence + 1)
    )
