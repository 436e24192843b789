"""Streams of the Python client that a draining server ends and another server at the same address finishes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import reverie
from reverie_ascent import Ascent
from reverie_server import Engine
from reverie_server.errors import Draining, Interrupted
from reverie_server.process.settings import Settings

from tests.server.hosts import running
from tests.server.rpc.test_service import until

STEPS = 100
WANTED: Any = {"objective": reverie.channel("conv1_1", 1), "size": 32, "steps": STEPS}


@asynccontextmanager
async def a_server(models: Path, listen: str) -> AsyncIterator[tuple[str, Engine]]:
    """Run a server with its own engine; it drains without grace when the block ends."""
    engine = await asyncio.to_thread(Engine, [models], device="cpu", threads=1)
    try:
        async with running(engine, Settings(listen=listen, grace=0)) as address:
            yield address, engine
    finally:
        await asyncio.to_thread(engine.close)


async def sync_stream(address: str) -> list[reverie.Event]:
    def read() -> list[reverie.Event]:
        with reverie.Client(address) as client:
            return list(client.stream("tiny", timeout=100, **WANTED))

    return await asyncio.to_thread(read)


async def async_stream(address: str) -> list[reverie.Event]:
    async with reverie.AsyncClient(address) as client:
        return [event async for event in client.stream("tiny", timeout=100, **WANTED)]


@pytest.mark.parametrize("read", [sync_stream, async_stream])
async def test_a_stream_resumes_on_the_next_server(
    models: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[str], Awaitable[list[reverie.Event]]]
) -> None:
    for fault in (Draining, Interrupted):
        monkeypatch.setattr(fault, "retry_after_s", 1)
    step = Ascent.step

    def slowly(self: Ascent, *arguments: Any) -> Any:
        time.sleep(0.1)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Ascent, "step", slowly)
        async with a_server(models, "127.0.0.1:0") as (address, engine):
            async with reverie.AsyncClient(address) as client:  # the device is measured and the program loaded
                await client.render("tiny", **(WANTED | {"steps": 1}))
            reading = asyncio.ensure_future(read(address))
            await until(lambda: engine.stats().steps > 4)
    assert engine.stats().steps < STEPS
    async with a_server(models, address) as (_, engine):
        accepted, *progress, rendering = await reading
        assert engine.stats().steps == STEPS
        async with reverie.AsyncClient(address) as client:
            undisturbed = await client.render("tiny", cache="bypass", **WANTED)
    assert isinstance(accepted, reverie.Accepted)
    assert isinstance(rendering, reverie.Rendering)
    steps = [event.step for event in progress if isinstance(event, reverie.Progress)]
    assert len(steps) == len(progress)
    assert steps == sorted(set(steps))
    assert rendering.data == undisturbed.data
