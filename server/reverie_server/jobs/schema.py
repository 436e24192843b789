"""The database tables of jobs: one row for each job, and one row for each of its pictures."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

#: Version of the tables. `migrations.py` brings older files up to it; a file of any other version is refused.
VERSION = 4

METADATA = MetaData()

JOBS = Table(
    "jobs",
    METADATA,
    # Counts in the order of creation, independent of the clock; never used twice.
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    # The owner and the request id that it chose, see `request_key`: two owners may choose the same.
    Column("request_id", String, unique=True),
    # The client that made the job, as in Account.owner; empty if clients were not told apart.
    Column("owner", String, nullable=False, server_default=""),
    # A CreateRenderJobRequest with every default filled in.
    Column("request", LargeBinary, nullable=False),
    # A JobState.
    Column("state", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("item_count", Integer, nullable=False),
    Column("done_count", Integer, nullable=False, default=0),
    Column("cached_count", Integer, nullable=False, default=0),
    Column("failed_count", Integer, nullable=False, default=0),
    Column("sequence", Integer, nullable=False, default=0),
    sqlite_autoincrement=True,
)

ITEMS = Table(
    "items",
    METADATA,
    Column("job", ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
    # The index in the order of the request: JobItem.index.
    Column("place", Integer, primary_key=True),
    Column("layer", String, nullable=False),
    Column("channel", Integer, nullable=False),
    # The seed; NULL for that of the job's template.
    Column("seed", Integer),
    # The number of the event that reported its end; NULL before that.
    Column("sequence", Integer),
    Column("spec_digest", String, nullable=False, default=""),
    Column("maker", String, nullable=False, default=""),
    Column("outcome", Integer, nullable=False, default=0),
    Column("activation", Float, nullable=False, default=0.0),
    Column("cached", Boolean, nullable=False, default=False),
    Column("error", String, nullable=False, default=""),
    Index("items_by_sequence", "job", "sequence"),
)


def request_key(owner: str, request_id: str) -> str | None:
    """Return what identifies a request in the column `request_id`; None for a request without an id."""
    if not request_id:
        return None
    return f"{owner} {request_id}" if owner else request_id
