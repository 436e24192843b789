"""Events that threads set and tasks in an event loop wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from reverie_server.rpc.loop_events import LoopEvents


@pytest.fixture
async def woken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The callbacks that other threads have scheduled in the loop."""
    loop = asyncio.get_running_loop()
    asked: list[Any] = []
    really = loop.call_soon_threadsafe

    def call(callback: Callable[[], None]) -> asyncio.Handle:
        asked.append(callback)
        return really(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", call)
    return asked


def call(*setters: Callable[[], None]) -> None:
    """Call all setters from another thread while the loop is idle."""
    thread = Thread(target=lambda: [setter() for setter in setters])
    thread.start()
    thread.join()


async def test_the_loop_is_woken_once_for_many_events(woken: list[Any]) -> None:
    loop_events, events = LoopEvents(), [asyncio.Event() for _ in range(100)]
    call(*map(loop_events.setter, events))
    assert len(woken) == 1
    async with asyncio.timeout(60):
        await asyncio.gather(*(event.wait() for event in events))


async def test_the_loop_runs_other_tasks_between_two_events() -> None:
    loop_events, events = LoopEvents(), [asyncio.Event() for _ in range(10)]
    call(*map(loop_events.setter, events))
    seen = []
    async with asyncio.timeout(60):
        while not all(event.is_set() for event in events):
            await asyncio.sleep(0)
            seen.append(sum(event.is_set() for event in events))
    assert set(range(1, 11)) <= set(seen)


async def test_an_event_after_the_loop_has_run_wakes_it_again(woken: list[Any]) -> None:
    loop_events, event = LoopEvents(), asyncio.Event()
    for times in range(1, 4):
        call(loop_events.setter(event))
        assert len(woken) == times
        async with asyncio.timeout(60):
            await event.wait()
        event.clear()


async def test_no_event_of_many_threads_is_lost() -> None:
    loop_events, received = LoopEvents(), 0
    events = [asyncio.Event() for _ in range(20)]

    def call_all(setters: list[Callable[[], None]]) -> None:
        for setter in setters:
            setter()

    for _ in range(50):
        setters = [loop_events.setter(event) for event in events]
        threads = [Thread(target=call_all, args=(setters[part::4],)) for part in range(4)]
        for thread in threads:
            thread.start()
        async with asyncio.timeout(60):
            for event in events:
                await event.wait()
                event.clear()
                received += 1
        for thread in threads:
            thread.join()
    assert received == 50 * len(events)


def test_events_for_a_closed_loop_are_ignored() -> None:
    async def make() -> Callable[[], None]:
        return LoopEvents().setter(asyncio.Event())

    asyncio.run(make())()
