"""The SQLite file that jobs are kept in: opened by one process at a time, and on the disk when a call returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from reverie_server.errors import JobsOff, JobsUnreachable
from reverie_server.jobs.schema import METADATA, VERSION

# The process that writes first holds the file until it ends, however it ends: two servers never work on one job.
PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


class JobFile:
    """One connection for all threads; calls take turns. What is wrong goes to clients, and so names no path."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raise JobsUnreachable when another process has it, JobsOff when it is not ours."""
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobsUnreachable(f"there is no folder for their file ({error.strerror})") from error
        self._engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(path)),
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": 0},
        )
        event.listen(self._engine, "connect", _set_up)
        try:
            self._create()
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Do all of the block or nothing; it is on the disk when the block is left. Raises JobsUnreachable."""
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise JobsUnreachable(f"their file says: {error.orig}") from error

    def close(self) -> None:
        """Let another process have the file."""
        with self._lock:
            self._engine.dispose()

    def _create(self) -> None:
        try:
            with self._engine.begin() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if version not in (0, VERSION):
                    raise JobsOff(f"the file of jobs is of version {version}, and this Reverie knows {VERSION}")
                METADATA.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {VERSION}"))
        except DBAPIError as error:
            if "locked" in str(error.orig):
                raise JobsUnreachable("another server has their file; give each its own with --jobs") from error
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise JobsOff(f"the file of jobs is damaged ({error.orig}); move it away to begin anew") from error
            raise JobsUnreachable(f"their file says: {error.orig}") from error


def _set_up(connection: Any, record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
