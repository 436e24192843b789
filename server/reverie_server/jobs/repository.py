"""The book of jobs: what was asked for, what is done, and in which order it was done."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from reverie_proto.v1 import jobs_pb2, spec_pb2
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reverie_server.errors import NoSuchJob, TooManyJobs
from reverie_server.jobs.database import JobFile
from reverie_server.jobs.request import Piece, Template
from reverie_server.jobs.schema import ITEMS, JOBS
from reverie_server.jobs.states import OPEN
from reverie_server.limits import Limits

#: Events that are read at once.
PAGE = 100


@dataclass(frozen=True)
class Task:
    """A picture that is still to be made: of which job, and what."""

    job: int
    piece: Piece
    spec: spec_pb2.RenderSpec
    #: What the log knows it by: the job's id, as its caller has it, and the piece's index.
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


class Book:
    """Jobs in a file. All that a call returns is on the disk; every call may raise JobsUnreachable."""

    def __init__(self, file: JobFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits

    def create(self, job: str, template: Template, request_id: str) -> jobs_pb2.RenderJob:
        """Enter a job, or return the one that was entered under the same request id; raise TooManyJobs."""
        with self._file.transaction() as at:
            if request_id and (row := at.execute(select(JOBS).where(JOBS.c.request_id == request_id)).first()):
                template.must_be(row.request)
                return _message(row)
            going_on = at.execute(select(func.count()).select_from(JOBS).where(JOBS.c.state.in_(OPEN))).scalar_one()
            if going_on >= self._limits.max_open_jobs:
                raise TooManyJobs(going_on)
            values = {
                "id": job,
                "request_id": request_id or None,
                "request": template.message().SerializeToString(),
                "state": jobs_pb2.JOB_STATE_QUEUED,
                "created_at": time.time(),
                "item_count": len(template.pieces),
            }
            (number,) = at.execute(insert(JOBS).values(values)).inserted_primary_key or (0,)
            rows = [
                {"job": number, "place": each.index, "layer": each.layer, "channel": each.channel}
                for each in template.pieces
            ]
            at.execute(insert(ITEMS), rows)
            return _message(at.execute(select(JOBS).where(JOBS.c.number == number)).one())

    def get(self, job: str) -> jobs_pb2.RenderJob:
        """Return a job; raise NoSuchJob."""
        with self._file.transaction() as at:
            return _message(_row(at, job))

    def newest(self, count: int, *, before: int) -> tuple[list[jobs_pb2.RenderJob], int]:
        """Return jobs, the newest first, and the number that the next page is before: 0 when there is none.

        `before` 0 begins with the newest.
        """
        query = select(JOBS).order_by(JOBS.c.number.desc()).limit(count + 1)
        with self._file.transaction() as at:
            rows = at.execute(query.where(JOBS.c.number < before) if before else query).all()
        more = len(rows) > count
        return [_message(row) for row in rows[:count]], rows[count - 1].number if more else 0

    def cancel(self, job: str) -> tuple[jobs_pb2.RenderJob, int]:
        """End a job, unless it has ended; return it and its number."""
        with self._file.transaction() as at:
            row = _row(at, job)
            if row.state in OPEN:
                self._end(at, row.number, jobs_pb2.JOB_STATE_CANCELLED)
            return _message(_row(at, job)), row.number

    def tasks(self, count: int, *, besides: Collection[tuple[int, int]]) -> list[Task]:
        """Return what is to be made next, the oldest job first, besides what is being made."""
        query = (
            select(ITEMS.c.job, ITEMS.c.place, ITEMS.c.layer, ITEMS.c.channel, JOBS.c.request, JOBS.c.id)
            .join(JOBS, JOBS.c.number == ITEMS.c.job)
            .where(JOBS.c.state.in_(OPEN), ITEMS.c.sequence.is_(None))
            .order_by(ITEMS.c.job, ITEMS.c.place)
            .limit(count + len(besides))
        )
        with self._file.transaction() as at:
            rows = at.execute(query).all()
        return [
            Task(
                row.job,
                piece := Piece(row.place, row.layer, row.channel),
                piece.spec(_template(row.request)),
                f"{row.id}/{row.place}",
            )
            for row in rows
            if (row.job, row.place) not in besides
        ][:count]

    def record(self, ends: Sequence[Done | Failed]) -> None:
        """Enter the ends of pictures, and with the last one that of its job; ended jobs take no more."""
        with self._file.transaction() as at:
            for end in ends:
                row = at.execute(select(JOBS).where(JOBS.c.number == end.job, JOBS.c.state.in_(OPEN))).first()
                if row is not None:
                    self._record(at, row, end)

    def events(self, job: str, after: int) -> tuple[jobs_pb2.RenderJob, list[tuple[int, jobs_pb2.JobItem]]]:
        """Return a job and the first of its pictures that ended after an event, with their sequence numbers."""
        with self._file.transaction() as at:
            row = _row(at, job)
            query = select(ITEMS).where(ITEMS.c.job == row.number, ITEMS.c.sequence > after)
            items = at.execute(query.order_by(ITEMS.c.sequence).limit(PAGE)).all()
        template = _template(row.request)
        return _message(row), [(item.sequence, _item(item, template)) for item in items]

    def close(self) -> None:
        """Let another process have the file."""
        self._file.close()

    def _record(self, at: Connection, row: Row[Any], end: Done | Failed) -> None:
        """Enter the end of one picture; the job is open."""
        values = {
            "sequence": row.sequence + 1,
            "spec_digest": end.spec_digest,
            "maker": end.maker,
            "outcome": end.outcome,
            "activation": end.activation,
            "cached": end.cached,
            "error": end.error,
        }
        entered = at.execute(
            update(ITEMS)
            .where(ITEMS.c.job == end.job, ITEMS.c.place == end.index, ITEMS.c.sequence.is_(None))
            .values(values)
        )
        if not entered.rowcount:
            return  # it has been entered before
        failed = isinstance(end, Failed)
        counts = {
            "done_count": row.done_count + (not failed),
            "cached_count": row.cached_count + end.cached,
            "failed_count": row.failed_count + failed,
        }
        at.execute(
            update(JOBS)
            .where(JOBS.c.number == end.job)
            .values(counts | {"sequence": row.sequence + 1, "state": jobs_pb2.JOB_STATE_RUNNING})
        )
        if counts["done_count"] + counts["failed_count"] == row.item_count:
            state = jobs_pb2.JOB_STATE_FAILED if counts["failed_count"] else jobs_pb2.JOB_STATE_SUCCEEDED
            self._end(at, end.job, state)

    def _end(self, at: Connection, number: int, state: int) -> None:
        """End a job, and forget the oldest of those that ended beyond what is kept."""
        at.execute(
            update(JOBS)
            .where(JOBS.c.number == number)
            .values(state=state, ended_at=time.time(), sequence=JOBS.c.sequence + 1)
        )
        kept = select(JOBS.c.number).where(JOBS.c.state.not_in(OPEN)).order_by(JOBS.c.number.desc())
        oldest = at.execute(kept.offset(self._limits.max_ended_jobs)).scalars().all()
        at.execute(delete(JOBS).where(JOBS.c.number.in_(oldest)))


# ----- from rows to messages -----


def _row(at: Connection, job: str) -> Row[Any]:
    row = at.execute(select(JOBS).where(JOBS.c.id == job)).first()
    if row is None:
        raise NoSuchJob(job)
    return row


def _template(request: bytes) -> spec_pb2.RenderSpec:
    return jobs_pb2.CreateRenderJobRequest.FromString(request).template


def _message(row: Row[Any]) -> jobs_pb2.RenderJob:
    asked = jobs_pb2.CreateRenderJobRequest.FromString(row.request)
    return jobs_pb2.RenderJob(
        id=row.id,
        state=row.state,
        template=asked.template,
        layers=asked.layers,
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
        effective_spec=None if row.error else Piece(row.place, row.layer, row.channel).spec(template),
        spec_digest=row.spec_digest,
        maker=row.maker,
        outcome=row.outcome,
        activation=row.activation,
        cached=row.cached,
        error=row.error,
    )


def _timestamp(seconds: float) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(round(seconds * 1e6))
    return made
