"""Bounds the bytes that wait in this process for clients that read slowly, for each client and for all together.

Half of the bounds is for pictures in the queues of streams: if there is no room for another, the stream that holds
most ends. Half is for messages that are made and sent: their calls wait for room first, because gRPC cannot be made to
drop a message that it was given.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock


class Room:
    """Some bytes of memory, and how many of them each client uses."""

    def __init__(self, most: int, most_of_client: int) -> None:
        self._most, self._most_of_client = most, most_of_client
        self.of_client: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """The bytes that all clients use."""
        return self.of_client.total()

    def add(self, client: str, size: int) -> None:
        """Count bytes of a client, or with a negative size their end."""
        self.of_client[client] += size
        if not self.of_client[client]:
            del self.of_client[client]

    def fits(self, client: str, size: int) -> bool:
        """Return whether a client may use more bytes.

        Clients that use none have a quarter more, so that others who do not read cannot keep them out.
        """
        used, of_client = self.used, self.of_client[client]
        most = self._most if of_client else self._most * 5 // 4
        return (not of_client or of_client + size <= self._most_of_client) and (not used or used + size <= most)

    def largest(self, client: str) -> str | None:
        """Return the client that uses too much after `client` has used more, or None if nobody does."""
        if self.of_client[client] > self._most_of_client:
            return client
        return max(self.of_client, key=lambda name: self.of_client[name]) if self.used > self._most else None


class StreamMemory:
    """The pictures that wait in the queues of streams; any thread may call it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock = Lock()
        self._streams: set[StreamMeter] = set()

    @property
    def used(self) -> int:
        """The bytes that wait now."""
        with self._lock:
            return self._room.used

    def meter(self, client: str, end: Callable[[], None]) -> StreamMeter:
        """Return the meter of a new stream; `end` ends the stream and empties its queue."""
        return StreamMeter(self, client, end)

    def change(self, stream: StreamMeter, size: int) -> None:
        """Count bytes that begin or, if negative, cease to wait; end the streams for which there is no room."""
        with self._lock:
            if stream.over:
                return
            self._count(stream, size)
            ended = []
            while size > 0 and (client := self._room.largest(stream.client)) is not None:
                largest = max((each for each in self._streams if each.client == client), key=lambda each: each.held)
                if largest is stream and largest.held == self._room.used:
                    break  # it is alone
                self._remove(largest)
                ended.append(largest)
        for each in ended:
            each.end()

    def remove(self, stream: StreamMeter) -> None:
        """Forget a stream that has ended."""
        with self._lock:
            self._remove(stream)
        stream.end = _nothing  # it refers to the stream's render, and so to its picture

    def _remove(self, stream: StreamMeter) -> None:
        self._count(stream, -stream.held)
        stream.over = True

    def _count(self, stream: StreamMeter, size: int) -> None:
        self._room.add(stream.client, size)
        stream.held += size
        (self._streams.add if stream.held else self._streams.discard)(stream)


@dataclass(eq=False)
class StreamMeter:
    """Counts the pictures that wait in the queue of one stream."""

    memory: StreamMemory
    client: str
    end: Callable[[], None]
    held: int = 0
    #: Whether the stream has ended, so that nothing is counted any more.
    over: bool = False

    def hold(self, size: int) -> None:
        """Count bytes that begin to wait; may end this stream or another."""
        self.memory.change(self, size)

    def free(self, size: int) -> None:
        """Count bytes that wait no more."""
        self.memory.change(self, -size)


class MessageMemory:
    """The messages that are made and sent. Belongs to one event loop."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiters: list[tuple[str, int, asyncio.Future[None]]] = []

    @property
    def used(self) -> int:
        """The bytes for which there are messages now."""
        return self._room.used

    @property
    def crowded(self) -> bool:
        """Whether a call waits for room."""
        return bool(self._waiters)

    @asynccontextmanager
    async def reserved(self, client: str, size: int) -> AsyncIterator[None]:
        """Wait until there is room for a message of a client, and keep it while the block lasts."""
        await self.reserve(client, size)
        try:
            yield
        finally:
            self.release(client, size)

    async def reserve(self, client: str, size: int) -> None:
        """Wait until there is room for a message of a client; the calls of one client get room in their order."""
        if not self._waiters and self._room.fits(client, size):
            self._room.add(client, size)
            return
        waiter = client, size, asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._admit()
        try:
            await waiter[2]
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter[2].cancelled():
                self.release(client, size)  # it got room at the same moment
            raise

    def release(self, client: str, size: int) -> None:
        """Give back the room of a message."""
        self._room.add(client, -size)
        self._admit()

    def _admit(self) -> None:
        """Let calls go on that have room now; a client without room does not hold up others."""
        full: set[str] = set()
        for waiter in list(self._waiters):
            client, size, ready = waiter
            if ready.done():
                continue  # its call was cancelled, and removes it
            if client not in full and self._room.fits(client, size):
                self._waiters.remove(waiter)
                self._room.add(client, size)
                ready.set_result(None)
            else:
                full.add(client)


class ReaderMemory:
    """Both halves, by the limits of an engine."""

    def __init__(self, most: int, most_of_client: int) -> None:
        self.streams = StreamMemory(Room(most // 2, most_of_client // 2))
        self.messages = MessageMemory(Room(most // 2, most_of_client // 2))


def _nothing() -> None:
    pass
