"""A model, an engine and a server, all real and tiny; and a gate before the device."""

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
    """An engine that tests share: whoever counts steps makes one of its own."""
    with Engine([models], device="cpu", threads=1) as engine:
        yield engine


@pytest.fixture
async def service(engine: Engine) -> AsyncIterator[Served]:
    """The shared engine behind gRPC."""
    async with served(engine) as service:
        yield service


@pytest.fixture
async def alone(models: Path) -> AsyncIterator[Served]:
    """A server whose engine does nothing but what the test asks, and lets two renders wait."""
    engine = await asyncio.to_thread(Engine, [models], device="cpu", threads=1, limits=Limits(max_waiting_renders=2))
    async with served(engine) as service:
        yield service
    await asyncio.to_thread(engine.close)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flag]:
    """Until it is set no device makes a step: what comes meanwhile comes in time on any machine."""
    gate, step = Flag(), Ascent.step

    def held(ascent: Ascent) -> Any:
        assert gate.wait(PATIENCE_S)
        return step(ascent)

    monkeypatch.setattr(Ascent, "step", held)
    yield gate
    gate.set()
