"""Brings a file of jobs that an older Reverie wrote up to the present version of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from reverie_server.jobs.schema import VERSION

#: For each older version, the statements that make the next version of it.
MIGRATIONS: Mapping[int, Sequence[str]] = {
    # Clients were not told apart: the jobs belong to nobody.
    2: ["ALTER TABLE jobs ADD COLUMN owner VARCHAR DEFAULT '' NOT NULL"],
}


def migrate(connection: Connection, version: int) -> None:
    """Change the tables of a known older version into those of the present one, within the open transaction."""
    for each in range(version, VERSION):
        for statement in MIGRATIONS[each]:
            connection.exec_driver_sql(statement)
