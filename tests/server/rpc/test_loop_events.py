"""Threads that wake those who wait in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from reverie_server.rpc.loop_events import Bells


@pytest.fixture
async def woken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the loop was asked to do by other threads."""
    loop = asyncio.get_running_loop()
    asked: list[Any] = []
    really = loop.call_soon_threadsafe

    def call(callback: Callable[[], None]) -> asyncio.Handle:
        asked.append(callback)
        return really(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", call)
    return asked


def ring(*bells: Callable[[], None]) -> None:
    """Ring them all, from another thread, while the loop does nothing."""
    thread = Thread(target=lambda: [bell() for bell in bells])
    thread.start()
    thread.join()


async def test_however_many_are_rung_the_loop_is_woken_once(woken: list[Any]) -> None:
    bells, events = Bells(), [asyncio.Event() for _ in range(100)]
    ring(*map(bells.bell, events))
    assert len(woken) == 1
    async with asyncio.timeout(5):
        await asyncio.gather(*(event.wait() for event in events))


async def test_between_two_answers_the_loop_does_other_things() -> None:
    bells, events = Bells(), [asyncio.Event() for _ in range(10)]
    ring(*map(bells.bell, events))
    seen = []
    async with asyncio.timeout(5):
        while not all(event.is_set() for event in events):
            await asyncio.sleep(0)
            seen.append(sum(event.is_set() for event in events))
    assert set(range(1, 11)) <= set(seen)


async def test_who_rings_after_the_loop_has_looked_wakes_it_again(woken: list[Any]) -> None:
    bells, event = Bells(), asyncio.Event()
    for times in range(1, 4):
        ring(bells.bell(event))
        assert len(woken) == times
        async with asyncio.timeout(5):
            await event.wait()
        event.clear()


async def test_nothing_is_lost_where_many_threads_ring_at_once() -> None:
    bells, heard = Bells(), 0
    events = [asyncio.Event() for _ in range(20)]

    def ring_all(sounds: list[Callable[[], None]]) -> None:
        for sound in sounds:
            sound()

    for _ in range(50):
        sounds = [bells.bell(event) for event in events]
        threads = [Thread(target=ring_all, args=(sounds[part::4],)) for part in range(4)]
        for thread in threads:
            thread.start()
        async with asyncio.timeout(10):
            for event in events:
                await event.wait()
                event.clear()
                heard += 1
        for thread in threads:
            thread.join()
    assert heard == 50 * len(events)


def test_a_loop_that_is_closed_hears_nothing_and_nobody_minds() -> None:
    async def make() -> Callable[[], None]:
        return Bells().bell(asyncio.Event())

    asyncio.run(make())()
