"""Fixtures with a scripted server, and with a blocking and an asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reverie
from reverie._command import main

from tests.client.runner import runner
from tests.client.scripted import Command, Connect, Script, serving, socket_address


class Blocking:
    """Wraps an AsyncClient with the interface of a Client, so that one test covers both."""

    def __init__(self, address: str, **arguments: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = reverie.AsyncClient(address, **arguments)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return lambda *args, **options: self.loop.run_until_complete(method(*args, **options))

    def stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        return self.pull(self.client.stream(*args, **options))

    def create_job(self, *args: Any, **options: Any) -> BlockingJob:
        return BlockingJob(self, self.loop.run_until_complete(self.client.create_job(*args, **options)))

    def job(self, id: str) -> BlockingJob:  # noqa: A002
        return BlockingJob(self, self.client.job(id))

    def pull(self, events: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self.loop.run_until_complete(anext(events))
                except StopAsyncIteration:
                    return
        finally:
            self.loop.run_until_complete(events.aclose())


class BlockingJob:
    """Wraps an AsyncJob with the interface of a Job."""

    def __init__(self, client: Blocking, job: reverie.AsyncJob) -> None:
        self.client, self.job, self.id = client, job, job.id

    def info(self, **options: Any) -> reverie.JobInfo:
        return self.client.loop.run_until_complete(self.job.info(**options))

    def cancel(self, **options: Any) -> reverie.JobInfo:
        return self.client.loop.run_until_complete(self.job.cancel(**options))

    def watch(self, **options: Any) -> Iterator[Any]:
        return self.client.pull(self.job.watch(**options))

    def results(self, **options: Any) -> Iterator[Any]:
        return self.client.pull(self.job.results(**options))


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def address(script: Script, tmp_path: Path) -> Iterator[str]:
    with serving(script, socket_address(tmp_path)) as (address, _):
        yield address


@pytest.fixture(params=[reverie.Client, Blocking], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Return a function that opens clients; blocking in one run of the test and asyncio in the other."""
    made = []

    def connect(address: str, **arguments: Any) -> Any:
        made.append(request.param(address, **arguments))
        return made[-1]

    yield connect
    for client in made:
        client.close()
        if isinstance(client, Blocking):
            client.loop.close()


@pytest.fixture
def client(connect: Connect, address: str) -> reverie.Client:
    return connect(address)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty working directory of a command."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("REVERIE_SERVER", "REVERIE_TOKEN", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def command(folder: Path, address: str) -> Command:
    """Return a function that calls `reverie` with the scripted server in its environment."""
    return lambda *arguments: runner().invoke(
        main, [str(each) for each in arguments], prog_name="reverie", env={"REVERIE_SERVER": address}
    )
