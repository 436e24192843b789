"""Sends replies to clients that may read slowly, within the bounds of `ReaderMemory`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from reverie_server.errors import SlowReader
from reverie_server.limits import Limits
from reverie_server.request.paging import MAX_PAGE_BYTES
from reverie_server.rpc import connections
from reverie_server.rpc.caller import current_caller, peer_host
from reverie_server.rpc.reader_memory import MessageMemory, ReaderMemory, StreamMeter

#: Room for the reply of a call that lists or describes something, until its length is known.
REPLY_BYTES = 2 * MAX_PAGE_BYTES
#: Seconds between two looks at a call that has ended but whose last message is not read.
CLOSE_S = 5.0

Reply = TypeVar("Reply", bound=Message)


class Kept:
    """Room for a message, until it is released or the task of its call ends."""

    def __init__(self, memory: MessageMemory, client: str, size: int) -> None:
        self._memory, self._client, self._size = memory, client, size

    def shrink(self, size: int) -> None:
        """Give back all but some bytes."""
        if size < self._size:
            self._memory.release(self._client, self._size - size)
            self._size = size

    def release(self) -> None:
        """Give back all of it."""
        self.shrink(0)


class Replies:
    """The replies of one server's calls. Belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.memory = ReaderMemory(limits.max_waiting_bytes, limits.max_client_waiting_bytes)
        self._max_read_s = limits.max_read_s

    def meter(self, context: grpc.aio.ServicerContext, end: Callable[[], None]) -> StreamMeter:
        """Return the meter of a call's stream; `end` ends the stream and empties its queue."""
        return self.memory.streams.meter(client_of(context), end)

    async def keep(self, context: grpc.aio.ServicerContext, size: int) -> Kept:
        """Wait until there is room for some bytes of a call; they are kept until the client has read its last message.

        The caller may give them back earlier.
        """
        client, memory = client_of(context), self.memory.messages
        await memory.reserve(client, size)
        kept, task = Kept(memory, client, size), asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda task: kept.release())
        return kept

    async def write(self, context: grpc.aio.ServicerContext, message: Message) -> None:
        """Send a message of a stream; raise SlowReader if the client does not read it in time.

        gRPC has the message nevertheless until the client reads it or disconnects: its room must be kept.
        """
        try:
            async with asyncio.timeout(self._max_read_s):
                await context.write(message)
        except TimeoutError:
            self._watch(context, CLOSE_S)
            raise SlowReader(f"it has not read a message for {self._max_read_s} s") from None

    def watch(self, context: grpc.aio.ServicerContext) -> None:
        """Close the connection of a call that returns its reply now, if the client does not read that in time either.

        It is closed only while others wait for its room.
        """
        self._watch(context, self._max_read_s)

    def _watch(self, context: grpc.aio.ServicerContext, after_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        timer = asyncio.get_running_loop().call_later(after_s, self._close, task, context.peer() or "")
        task.add_done_callback(lambda task: timer.cancel())

    def _close(self, task: asyncio.Task[object], peer: str) -> None:
        """Close the connection of a call whose last message the client does not read, if others wait for its room."""
        if not task.done():
            if self.memory.messages.crowded:
                connections.close(peer)
            asyncio.get_running_loop().call_later(CLOSE_S, self._close, task, peer)


def with_room(handler: Callable[[Any, Any, Any], Awaitable[Reply]]) -> Callable[[Any, Any, Any], Awaitable[Reply]]:
    """Decorate a servicer's unary method: its reply is made when there is room, which it has until it is read."""

    @functools.wraps(handler)
    async def wrapper(self: Any, request: Any, context: grpc.aio.ServicerContext) -> Reply:
        replies: Replies = self.replies
        kept = await replies.keep(context, REPLY_BYTES)
        try:
            reply = await handler(self, request, context)
        except BaseException:
            kept.release()
            raise
        kept.shrink(reply.ByteSize())
        return reply

    return wrapper


def client_of(context: grpc.aio.ServicerContext) -> str:
    """Return the client of a call: the owner of its account, or else the host."""
    return current_caller().account.owner or peer_host(context.peer() or "")
