"""The SQLite file of jobs: one process at a time can open it, and a finished transaction is on the disk."""

from __future__ import annotations

import sqlite3
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

# The first process that writes locks the file until it ends, even by a crash: so two servers never work on one job.
PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

#: SQLite's codes for a file that another process has locked, and for a file that is not a database or is damaged.
IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class JobDatabase:
    """One connection to the file, which all threads share under a lock.

    Its error messages are sent to clients, and therefore contain no path.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; raise JobsUnreachable if another process has locked it, JobsOff if it is damaged."""
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
        """Run the block as one transaction, which is on the disk after the block; raise JobsUnreachable if it fails."""
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise JobsUnreachable(f"their file says: {error.orig}") from error

    def close(self) -> None:
        """Close the file, so that another process can open it."""
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
            code = _primary_code(error)
            if code in IN_USE:
                raise JobsUnreachable("another server has their file; give each its own with --jobs") from error
            if code in DAMAGED:
                raise JobsOff(f"the file of jobs is damaged ({error.orig}); move it away to start a new one") from error
            raise JobsUnreachable(f"their file says: {error.orig}") from error


def _primary_code(error: DBAPIError) -> int:
    """Return SQLite's primary result code, the low byte of the extended one; 0 if the error is not SQLite's."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF


def _set_up(connection: Any, record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
