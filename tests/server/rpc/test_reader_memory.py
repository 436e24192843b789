"""The bounds on what waits for readers, and which calls wait or end when they are reached."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from reverie_server.rpc.reader_memory import MessageMemory, Room, StreamMemory, StreamMeter


class Streams:
    """Streams of some clients, and the names of those that were ended."""

    def __init__(self, most: int, most_of_client: int) -> None:
        self.memory = StreamMemory(Room(most, most_of_client))
        self.ended: list[str] = []

    def stream(self, name: str) -> StreamMeter:
        return self.memory.meter(name[0], lambda: self.ended.append(name))


# What streams hold, one after the other, and which of them end; the first letter is the client. The bounds are 100 in
# all and 60 for one client.
HELD: list[tuple[list[tuple[str, int]], list[str]]] = [
    ([("a1", 60), ("b1", 40)], []),
    ([("a1", 61)], []),  # alone, one picture is always let through
    ([("a1", 30), ("a2", 20), ("a2", 5), ("a3", 10)], ["a1"]),
    ([("a1", 10), ("a2", 51)], ["a2"]),
    ([("a1", 50), ("b1", 45), ("c1", 10)], ["a1"]),
    ([("a1", 20), ("a2", 25), ("b1", 40), ("c1", 30)], ["a2"]),
]


@pytest.mark.parametrize(("held", "ended"), HELD, ids=str)
def test_the_stream_that_holds_most_ends(held: list[tuple[str, int]], ended: list[str]) -> None:
    streams = Streams(100, 60)
    meters = {name: streams.stream(name) for name, _ in held}
    for name, size in held:
        meters[name].hold(size)
    assert streams.ended == ended
    assert streams.memory.used == sum(size for name, size in held if name not in ended)
    for meter in meters.values():
        streams.memory.remove(meter)
        meter.free(7)  # a picture that leaves the queue of a stream that has ended
    assert streams.memory.used == 0


async def test_a_message_waits_for_room_and_others_with_room_go_first() -> None:
    memory = MessageMemory(Room(100, 60))
    order: list[str] = []

    async def send(client: str, size: int, sent: asyncio.Event) -> None:
        async with memory.reserved(client, size):
            order.append(f"{client}{size}")
            await sent.wait()

    first, rest = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(send("a", 50, first))]
    tasks += [asyncio.create_task(send(*each, rest)) for each in (("a", 20), ("a", 5), ("b", 40), ("c", 20))]
    await asyncio.sleep(0)
    assert order == ["a50", "b40", "c20"]  # a5 would fit, but stands behind a20; c has nothing else
    assert memory.crowded
    tasks[2].cancel()
    first.set()
    for _ in range(4):
        await asyncio.sleep(0)
    assert order == ["a50", "b40", "c20", "a20"]
    rest.set()
    await asyncio.wait(tasks)
    assert (memory.used, memory.crowded) == (0, False)


async def test_a_message_larger_than_the_bound_is_sent_alone() -> None:
    memory = MessageMemory(Room(100, 60))
    async with memory.reserved("a", 500):
        waiting = asyncio.create_task(memory.reserve("b", 1))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    assert memory.used == 1


async def test_a_call_that_ends_while_it_gets_room_gives_it_back() -> None:
    memory = MessageMemory(Room(100, 60))
    await memory.reserve("a", 60)
    waiting = asyncio.create_task(memory.reserve("a", 10))
    await asyncio.sleep(0)
    memory.release("a", 60)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert memory.used == 0
