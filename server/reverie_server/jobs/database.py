"""The SQLite file of jobs: one process at a time can open it, and a finished transaction is on the disk."""

from __future__ import annotations

import os
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

from reverie_server.errors import Fault, JobsOff, JobsUnreachable
from reverie_server.jobs.migrations import MIGRATIONS, migrate
from reverie_server.jobs.schema import METADATA, VERSION

# The first process that writes locks the file until it ends, even by a crash: so two servers never work on one job.
PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

#: SQLite's codes for a file that another process has locked, and for a file that is not a database or is damaged.
IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
#: Extended codes: a page that the disk does not give back.
UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}


class Damaged(JobsOff):
    """Some part of the file, which the call needs, is damaged; other parts may be whole."""

    def __init__(self, problem: object) -> None:
        self.problem = problem
        Fault.__init__(
            self,
            f"the part of the file of jobs that this needs is damaged ({problem}); stop the server and move the file"
            " away to start a new one",
        )


class JobDatabase:
    """One connection to the file, which all threads share under a lock.

    Its error messages are sent to clients, and therefore contain no path.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; raise JobsUnreachable if another process has locked it, JobsOff if it is damaged."""
        self._lock = Lock()
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobsUnreachable(f"there is no folder for their file ({error.strerror})") from error
        self._engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(path)),
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": 0, "isolation_level": None},
        )
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        try:
            self._create()
            self._file = self._identity()
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the block as one transaction, which is on the disk after the block.

        Raises JobsUnreachable if that fails, Damaged if the block needs a part of the file that is damaged, and JobsOff
        if the file is not at its path any more: what is written to it then would be lost.
        """
        with self._lock:
            if self._identity() != self._file:
                raise JobsOff(
                    "the file of jobs was deleted or replaced while the server ran; put it back, or restart the server"
                )
            try:
                with self._engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise _fault(error) from error

    def close(self) -> None:
        """Close the file, so that another process can open it."""
        with self._lock:
            self._engine.dispose()

    def _create(self) -> None:
        try:
            with self._engine.begin() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if version in MIGRATIONS:
                    migrate(connection, version)
                elif version not in (0, VERSION):
                    raise JobsOff(f"the file of jobs is of version {version}, and this Reverie knows {VERSION}")
                METADATA.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {VERSION}"))
        except DBAPIError as error:
            fault = _fault(error)
            if isinstance(fault, Damaged):
                problem = f"the file of jobs is damaged ({fault.problem}); move it away to start a new one"
                raise JobsOff(problem) from error
            raise fault from error

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells the file from another one at the same path; None if there is none."""
        try:
            stat = os.stat(self._path)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


def _fault(error: DBAPIError) -> Fault:
    """Return the fault for an error of SQLite, by its primary result code: the low byte of the extended one."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None and isinstance(error.orig, sqlite3.OperationalError):  # Python's own: a text is not UTF-8
        return Damaged(error.orig)
    code = code or 0
    if code & 0xFF in IN_USE:
        return JobsUnreachable("another server has their file; give each its own with --jobs")
    if code & 0xFF in DAMAGED or code in UNREADABLE:
        return Damaged(error.orig)
    return JobsUnreachable(f"their file says: {error.orig}")


def _set_up(connection: Any, record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # Python's sqlite3 begins no transaction for statements that change tables, which would not be undone.
    connection.exec_driver_sql("BEGIN")
