"""The repository of jobs: their requests, their results, and the order of the results."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from reverie_proto.v1 import jobs_pb2, spec_pb2
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reverie_server.errors import NoSuchJob, TooManyJobs
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.request import Item, JobRequest
from reverie_server.jobs.schema import ITEMS, JOBS
from reverie_server.jobs.states import OPEN
from reverie_server.limits import Limits
from reverie_server.request.paging import first

#: The most events that one call returns.
PAGE = 100


@dataclass(frozen=True)
class Task:
    """A picture of a job that is not made yet."""

    job: int
    item: Item
    spec: spec_pb2.RenderSpec
    #: Its name in the log: the job's public id and the item's index.
    name: str


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


class JobRepository:
    """Jobs in a database. When a call returns, its changes are on the disk. Every call may raise JobsUnreachable."""

    def __init__(self, database: JobDatabase, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def create(self, job: str, request: JobRequest, request_id: str) -> jobs_pb2.RenderJob:
        """Add a job, or return the one with the same request id; raise TooManyJobs if too many are open."""
        with self._database.transaction() as connection:
            if request_id and (row := connection.execute(select(JOBS).where(JOBS.c.request_id == request_id)).first()):
                request.require_same(row.request)
                return _message(row)
            count_open = select(func.count()).select_from(JOBS).where(JOBS.c.state.in_(OPEN))
            open_jobs = connection.execute(count_open).scalar_one()
            if open_jobs >= self._limits.max_open_jobs:
                raise TooManyJobs(open_jobs)
            values = {
                "id": job,
                "request_id": request_id or None,
                "request": request.message().SerializeToString(),
                "state": jobs_pb2.JOB_STATE_QUEUED,
                "created_at": time.time(),
                "item_count": len(request.items),
            }
            (number,) = connection.execute(insert(JOBS).values(values)).inserted_primary_key or (0,)
            rows = [
                {"job": number, "place": each.index, "layer": each.layer, "channel": each.channel}
                for each in request.items
            ]
            connection.execute(insert(ITEMS), rows)
            return _message(connection.execute(select(JOBS).where(JOBS.c.number == number)).one())

    def get(self, job: str) -> jobs_pb2.RenderJob:
        """Return a job; raise NoSuchJob if there is none with this id."""
        with self._database.transaction() as connection:
            return _message(_row(connection, job))

    def newest(self, count: int, *, before: int) -> tuple[list[jobs_pb2.RenderJob], int]:
        """Return jobs, the newest first, and the number to pass as `before` for the next page, 0 after the last.

        `before=0` starts with the newest. There are fewer than `count` if more are too long for a page.
        """
        query = select(JOBS).order_by(JOBS.c.number.desc()).limit(count + 1)
        numbers: list[int] = []

        def messages(rows: Iterable[Row[Any]]) -> Iterator[jobs_pb2.RenderJob]:
            for row in rows:
                numbers.append(row.number)
                yield _message(row)

        with self._database.transaction() as connection:
            rows = connection.execute(query.where(JOBS.c.number < before) if before else query)
            jobs, more = first(messages(rows), count)
            rows.close()
        return jobs, numbers[len(jobs) - 1] if more else 0

    def cancel(self, job: str) -> tuple[jobs_pb2.RenderJob, int]:
        """Cancel a job unless it has ended; return it and its number."""
        with self._database.transaction() as connection:
            row = _row(connection, job)
            if row.state in OPEN:
                self._end(connection, row.number, jobs_pb2.JOB_STATE_CANCELLED)
            return _message(_row(connection, job)), row.number

    def tasks(self, count: int, *, besides: Collection[tuple[int, int]]) -> list[Task]:
        """Return the next pictures to make, those of the oldest job first, without `besides`: those being made."""
        query = (
            select(ITEMS.c.job, ITEMS.c.place, ITEMS.c.layer, ITEMS.c.channel, JOBS.c.request, JOBS.c.id)
            .join(JOBS, JOBS.c.number == ITEMS.c.job)
            .where(JOBS.c.state.in_(OPEN), ITEMS.c.sequence.is_(None))
            .order_by(ITEMS.c.job, ITEMS.c.place)
            .limit(count + len(besides))
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return [
            Task(
                row.job,
                item := Item(row.place, row.layer, row.channel),
                item.spec(_template(row.request)),
                f"{row.id}/{row.place}",
            )
            for row in rows
            if (row.job, row.place) not in besides
        ][:count]

    def record_results(self, ends: Sequence[Done | Failed]) -> None:
        """Record the results of pictures, and the end of each job that is complete; ignore results of ended jobs."""
        with self._database.transaction() as connection:
            for end in ends:
                row = connection.execute(select(JOBS).where(JOBS.c.number == end.job, JOBS.c.state.in_(OPEN))).first()
                if row is not None:
                    self._record_result(connection, row, end)

    def events(self, job: str, after: int) -> tuple[jobs_pb2.RenderJob, list[tuple[int, jobs_pb2.JobItem]]]:
        """Return a job and its next pictures that ended after the event `after`, with their sequence numbers."""
        with self._database.transaction() as connection:
            row = _row(connection, job)
            query = select(ITEMS).where(ITEMS.c.job == row.number, ITEMS.c.sequence > after)
            items = connection.execute(query.order_by(ITEMS.c.sequence).limit(PAGE)).all()
        template = _template(row.request)
        return _message(row), [(item.sequence, _item(item, template)) for item in items]

    def close(self) -> None:
        """Close the database, so that another process can open it."""
        self._database.close()

    def _record_result(self, connection: Connection, row: Row[Any], end: Done | Failed) -> None:
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
            state = jobs_pb2.JOB_STATE_FAILED if counts["failed_count"] else jobs_pb2.JOB_STATE_SUCCEEDED
            self._end(connection, end.job, state)

    def _end(self, connection: Connection, number: int, state: int) -> None:
        """End a job, and delete the oldest ended jobs beyond `max_ended_jobs`."""
        connection.execute(
            update(JOBS)
            .where(JOBS.c.number == number)
            .values(state=state, ended_at=time.time(), sequence=JOBS.c.sequence + 1)
        )
        ended = select(JOBS.c.number).where(JOBS.c.state.not_in(OPEN)).order_by(JOBS.c.number.desc())
        oldest = connection.execute(ended.offset(self._limits.max_ended_jobs)).scalars().all()
        connection.execute(delete(JOBS).where(JOBS.c.number.in_(oldest)))


# ----- from rows to messages -----


def _row(connection: Connection, job: str) -> Row[Any]:
    row = connection.execute(select(JOBS).where(JOBS.c.id == job)).first()
    if row is None:
        raise NoSuchJob(job)
    return row


def _template(request: bytes) -> spec_pb2.RenderSpec:
    return jobs_pb2.CreateRenderJobRequest.FromString(request).template


def _message(row: Row[Any]) -> jobs_pb2.RenderJob:
    request = jobs_pb2.CreateRenderJobRequest.FromString(row.request)
    return jobs_pb2.RenderJob(
        id=row.id,
        state=row.state,
        template=request.template,
        layers=request.layers,
        item_count=row.item_count,
        done_count=row.done_count,
        cached_count=row.cached_count,
        failed_count=row.failed_count,
        created_at=_timestamp(row.created_at),
        ended_at=None if row.ended_at is None else _timestamp(row.ended_at),
        sequence=row.sequence,
    )


def _item(row: Row[Any], template: spec_pb2.RenderSpec) -> jobs_pb2.JobItem:
    return jobs_pb2.JobItem(
        index=row.place,
        layer=row.layer,
        channel=row.channel,
        effective_spec=None if row.error else Item(row.place, row.layer, row.channel).spec(template),
        spec_digest=row.spec_digest,
        maker=row.maker,
        outcome=row.outcome,
        activation=row.activation,
        cached=row.cached,
        error=row.error,
    )


def _timestamp(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(seconds * 1e6))
    return timestamp
