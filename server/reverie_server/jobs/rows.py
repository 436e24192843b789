"""Turns rows of the database into messages. What a damaged row raises becomes Damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from reverie_proto.v1 import jobs_pb2, spec_pb2
from sqlalchemy import Row

from reverie_server.jobs.database import Damaged
from reverie_server.jobs.request import Item


def job_message(row: Row[Any]) -> jobs_pb2.RenderJob:
    """Return the job of a row of JOBS."""
    with decoding():
        request = jobs_pb2.CreateRenderJobRequest.FromString(row.request)
        return jobs_pb2.RenderJob(
            id=row.id,
            state=row.state,
            template=request.template,
            layers=request.layers,
            seeds=request.seeds,
            item_count=row.item_count,
            done_count=row.done_count,
            cached_count=row.cached_count,
            failed_count=row.failed_count,
            created_at=timestamp(row.created_at),
            ended_at=None if row.ended_at is None else timestamp(row.ended_at),
            sequence=row.sequence,
            owner=row.owner,
        )


def item_message(row: Row[Any], template: spec_pb2.RenderSpec) -> jobs_pb2.JobItem:
    """Return the finished picture of a row of ITEMS."""
    with decoding():
        return jobs_pb2.JobItem(
            index=row.place,
            layer=row.layer,
            channel=row.channel,
            effective_spec=None if row.error else item(row).spec(template),
            spec_digest=row.spec_digest,
            maker=row.maker,
            outcome=row.outcome,
            activation=row.activation,
            cached=row.cached,
            error=row.error,
            seed=template.seed if row.seed is None else row.seed,
        )


def item(row: Row[Any]) -> Item:
    """Return the picture that a row of ITEMS is about."""
    return Item(row.place, row.layer, row.channel, row.seed)


def item_spec(row: Row[Any], template: spec_pb2.RenderSpec) -> spec_pb2.RenderSpec:
    """Return the spec of a picture that is not made yet."""
    with decoding():
        return item(row).spec(template)


def timestamp(seconds: float) -> Timestamp:
    """Return a time in seconds since 1970 as a message."""
    stamp = Timestamp()
    stamp.FromMicroseconds(round(seconds * 1e6))
    return stamp


@contextmanager
def decoding() -> Iterator[None]:
    """Raise Damaged for an error in the block, which only makes use of what a row holds."""
    try:
        yield
    except (DecodeError, ValueError, TypeError, OverflowError) as error:
        raise Damaged(f"{type(error).__name__} in a row") from error
