"""Brings a file of jobs that an older Reverie wrote up to the present version of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from reverie_server.jobs.old_templates import with_settings
from reverie_server.jobs.schema import VERSION

#: The last version whose templates name their parametrization, transforms and schedule by a number each.
LAST_WITH_NAMES = 3

#: For each older version, the statements that make the next version of it.
MIGRATIONS: Mapping[int, Sequence[str]] = {
    # Clients were not told apart: the jobs belong to nobody.
    2: ["ALTER TABLE jobs ADD COLUMN owner VARCHAR DEFAULT '' NOT NULL"],
    # A job had one seed.
    3: ["ALTER TABLE items ADD COLUMN seed INTEGER"],
}


def migrate(connection: Connection, version: int) -> None:
    """Change the tables of a known older version into those of the present one, within the open transaction."""
    for each in range(version, VERSION):
        for statement in MIGRATIONS[each]:
            connection.exec_driver_sql(statement)
    if version <= LAST_WITH_NAMES:
        for number, request in connection.exec_driver_sql("SELECT number, request FROM jobs").all():
            if (renewed := with_settings(request)) is not None:
                connection.exec_driver_sql("UPDATE jobs SET request = ? WHERE number = ?", (renewed, number))
