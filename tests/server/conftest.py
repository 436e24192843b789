"""Fixtures: a tiny model, a real engine and a real server, and a gate that holds back the device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from reverie_ascent import Ascent
from reverie_server import Engine, Limits

from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Served, served


@pytest.fixture(scope="session")
def engine(models: Path) -> Iterator[Engine]:
    """An engine that tests share; a test that counts steps has to make its own."""
    with Engine([models], device="cpu", threads=1) as engine:
        yield engine


@pytest.fixture
async def service(engine: Engine) -> AsyncIterator[Served]:
    """The shared engine behind gRPC."""
    async with served(engine) as service:
        yield service


@pytest.fixture
async def alone(models: Path) -> AsyncIterator[Served]:
    """A server whose engine is used by one test only and lets two renders wait."""
    engine = await asyncio.to_thread(Engine, [models], device="cpu", threads=1, limits=Limits(max_waiting_renders=2))
    async with served(engine) as service:
        yield service
    await asyncio.to_thread(engine.close)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flag]:
    """Return a flag; no device makes a step before it is set, so the test does not depend on the machine's speed."""
    gate, step = Flag(), Ascent.step

    def held(ascent: Ascent) -> Any:
        assert gate.wait(PATIENCE_S)
        return step(ascent)

    monkeypatch.setattr(Ascent, "step", held)
    yield gate
    gate.set()
