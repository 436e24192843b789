"""Files of jobs that are damaged, deleted, replaced, read-only or old, before the start and under a running engine."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from reverie_proto.v1.jobs_pb2 import ListRenderJobsRequest
from reverie_server import Engine, JobsOff, JobsUnreachable, NoSuchJob
from reverie_server.jobs import database, runner, waits
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.results import Done, Task
from reverie_server.limits import Limits

from tests.server.fakes import PATIENCE_S
from tests.server.jobs import job_files
from tests.server.jobs.job_files import CANCELLED, JOBS, PAGE_BYTES, damage, name, write_jobs
from tests.server.jobs.test_jobs import Open, at, ended, endless, job, some, state, wait_for

__all__ = ["at"]  # a fixture


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    return write_jobs(tmp_path / "whole.sqlite")


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what a call returns, or the fault that it raises; any other exception fails the test."""
    try:
        return call(*arguments, **options)
    except (JobsOff, JobsUnreachable, NoSuchJob) as fault:
        return fault


def all_tasks(repository: JobRepository) -> list[Task]:
    """Return all pictures that are left to make."""
    return repository.tasks({job.number: 1000 for job in repository.open_jobs()}, besides=())


def try_everything(repository: JobRepository) -> None:
    """Make every call; a call about a damaged part raises a fault and no other exception."""
    for number in range(JOBS):
        outcome(repository.get, name(number))
        outcome(repository.events, name(number), 0)
    outcome(repository.newest, 5, before=0)
    outcome(repository.newest, 100, before=7, scope="key:0")
    tasks = all_tasks(repository)
    outcome(repository.record_results, [Done(t.job, t.item.index, "e" * 64, "m", 1, 0.5, cached=False) for t in tasks])
    outcome(repository.create, "new", job_files.request(3), "request new", owner="key:2")
    outcome(repository.create, "again", job_files.request(ranges=1000), "request 8", owner="key:0")


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite not wait for the disk, which is most of the time of many small transactions."""
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "synchronous = OFF"))


@pytest.mark.usefixtures("unsynced")
def test_damage_to_any_page_of_an_open_file_is_a_fault_and_every_job_can_be_cancelled(
    tmp_path: Path, whole: bytes
) -> None:
    path = tmp_path / "jobs.sqlite"
    for page in range(len(whole) // PAGE_BYTES):
        path.write_bytes(whole)
        repository = JobRepository(JobDatabase(path), Limits())
        damage(path, page, "random")
        try_everything(repository)
        for each in repository.open_jobs():
            assert state(repository.cancel(each.message.id)[0]) == "CANCELLED"
            assert state(repository.get(each.message.id)) == "CANCELLED"
        assert repository.open_jobs() == []
        repository.close()
        for file in tmp_path.glob("jobs.sqlite*"):
            file.unlink()


@pytest.mark.usefixtures("unsynced")
def test_damage_to_any_page_before_the_start_is_a_fault(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "jobs.sqlite"
    going_on = []
    for page in range(len(whole) // PAGE_BYTES):
        path.write_bytes(whole)
        damage(path, page, "random")
        repository = outcome(lambda: JobRepository(JobDatabase(path), Limits()))
        if isinstance(repository, JobRepository):
            going_on.append(len({task.job for task in all_tasks(repository)}))
            try_everything(repository)
            for each in repository.open_jobs():
                assert state(repository.cancel(each.message.id)[0]) == "CANCELLED"
            repository.close()
        for file in tmp_path.glob("jobs.sqlite*"):
            file.unlink()
    # Most pages belong to a few jobs only.
    assert sum(jobs >= (JOBS - CANCELLED) // 2 for jobs in going_on) > len(going_on) / 2


# ----- an engine that works -----


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runner try again at once."""
    monkeypatch.setattr(runner, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(waits, "RECHECK_S", 0.1)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds that nobody reports."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextlib.contextmanager
def read_only(engine: Engine) -> Iterator[None]:
    """Let SQLite refuse every write, as on a disk that is full or read-only."""

    def set_to(value: str) -> None:
        repository = engine.jobs._repository
        assert repository is not None
        with repository._database._lock, repository._database._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA query_only = {value}")

    set_to("ON")
    try:
        yield
    finally:
        set_to("OFF")


def test_a_job_is_cancelled_on_a_disk_that_takes_no_writes(at: Open) -> None:
    engine = at()
    first, second = [engine.jobs.create(endless()).id for _ in range(2)]
    with read_only(engine):
        with pytest.raises(JobsUnreachable, match="readonly"):
            engine.jobs.create(job())
        for _ in range(2):
            assert state(engine.jobs.cancel(first)) == "CANCELLED"
        assert state(engine.jobs.get(first)) == "CANCELLED"
        seen, _ = engine.jobs.events_after(first, 0)
        assert (state(seen), seen.sequence) == ("CANCELLED", 1)
        listed = {each.id: state(each) for each in engine.jobs.page(ListRenderJobsRequest())[0]}
        assert listed == {first: "CANCELLED", second: "QUEUED"}
    engine.jobs._require_runner().wake()
    until(lambda: not engine.jobs._open()._open.cancelled())
    assert state(engine.jobs.cancel(second)) == "CANCELLED"
    engine.close()
    assert {state(each) for each in at().jobs.page(ListRenderJobsRequest())[0]} == {"CANCELLED"}


def delete(path: Path) -> None:
    path.rename(path.with_suffix(".aside"))


def replace(path: Path) -> None:
    delete(path)
    path.write_bytes(b"")


@pytest.mark.parametrize("lose", [delete, replace])
def test_a_file_that_is_not_at_its_place_any_more_is_told_and_used_again_when_it_is_back(
    at: Open, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = tmp_path / "jobs.sqlite"
    engine = at()
    going, cancelled = engine.jobs.create(job(some("conv1_1"), steps=2000)).id, engine.jobs.create(endless()).id
    lose(path)
    for call in (
        lambda: engine.jobs.create(job()),
        lambda: engine.jobs.get(going),
        lambda: engine.jobs.page(ListRenderJobsRequest()),
        lambda: engine.jobs.events_after(going, 0),
    ):
        with pytest.raises(JobsOff, match="was deleted or replaced while the server ran; put it back, or restart"):
            call()
    assert state(engine.jobs.cancel(cancelled)) == "CANCELLED"
    assert engine.render("tiny", "conv1_1", 1, size=16, steps=2).steps == 2
    path.with_suffix(".aside").rename(path)
    assert state(wait_for(engine, going, ended)) == "SUCCEEDED"
    assert state(engine.jobs.get(cancelled)) == "CANCELLED"


def test_a_job_in_a_damaged_part_waits_and_the_others_go_on(at: Open, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    first = at()
    broken, whole = [first.jobs.create(job(some("conv1_1"), some("conv2_1"), steps=steps)).id for steps in (3, 4)]
    first.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        # Rows as a damaged page leaves them: no text is UTF-8, and no request is a message.
        connection.execute("UPDATE items SET layer = CAST(x'ff' AS TEXT) WHERE job = 1")
        connection.execute("UPDATE items SET sequence = NULL, spec_digest = '' WHERE job = 2")
        connection.execute("UPDATE jobs SET state = 1, done_count = 0, sequence = 0, ended_at = NULL")
    second = at()
    assert state(wait_for(second, whole, ended)) == "SUCCEEDED"
    seen = wait_for(second, broken, lambda seen: bool(seen.detail))
    assert "it cannot go on and can only be cancelled" in seen.detail
    assert state(second.jobs.cancel(broken)) == "CANCELLED"
    assert state(wait_for(second, second.jobs.create(job()).id, ended)) == "SUCCEEDED"


# ----- older files -----

VERSION_2 = """
CREATE TABLE jobs (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id VARCHAR NOT NULL, request_id VARCHAR, request BLOB NOT NULL,
    state INTEGER NOT NULL, created_at FLOAT NOT NULL, ended_at FLOAT, item_count INTEGER NOT NULL,
    done_count INTEGER NOT NULL, cached_count INTEGER NOT NULL, failed_count INTEGER NOT NULL,
    sequence INTEGER NOT NULL, UNIQUE (id), UNIQUE (request_id)
);
CREATE TABLE items (
    job INTEGER NOT NULL, place INTEGER NOT NULL, layer VARCHAR NOT NULL, channel INTEGER NOT NULL, sequence INTEGER,
    spec_digest VARCHAR NOT NULL, maker VARCHAR NOT NULL, outcome INTEGER NOT NULL, activation FLOAT NOT NULL,
    cached BOOLEAN NOT NULL, error VARCHAR NOT NULL, PRIMARY KEY (job, place),
    FOREIGN KEY(job) REFERENCES jobs (number) ON DELETE CASCADE
);
CREATE INDEX items_by_sequence ON items (job, sequence);
PRAGMA user_version = 2;
"""


def test_a_file_of_the_version_before_goes_on_and_its_jobs_belong_to_nobody(at: Open, tmp_path: Path) -> None:
    with at(jobs=tmp_path / "other.sqlite") as other:
        made = other.jobs.create(job(request_id="9b2f8e63-7a54-4a5e-8d0c-3f1f0a6d2c11"))
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as connection, connection:
        connection.executescript(VERSION_2)
        connection.execute(f"ATTACH '{tmp_path / 'other.sqlite'}' AS other")
        columns = [row[1] for row in connection.execute("PRAGMA main.table_info(jobs)")]
        connection.execute(f"INSERT INTO jobs SELECT {', '.join(columns)} FROM other.jobs")
        columns = [row[1] for row in connection.execute("PRAGMA main.table_info(items)")]
        connection.execute(f"INSERT INTO items SELECT {', '.join(columns)} FROM other.items")
        connection.execute("UPDATE items SET sequence = NULL")
        connection.execute("UPDATE jobs SET state = 1, done_count = 0, sequence = 0, ended_at = NULL")
    engine = at()
    seen = wait_for(engine, made.id, ended)
    assert (state(seen), seen.owner) == ("SUCCEEDED", "")
    again = engine.jobs.create(job(request_id="9b2f8e63-7a54-4a5e-8d0c-3f1f0a6d2c11"))
    assert again.id == made.id
    assert engine.jobs.page(ListRenderJobsRequest(), scope="key:0") == ([], "")
