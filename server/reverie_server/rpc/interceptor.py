"""Middleware around every call of a server that `reverie serve` starts: request id, access log, errors, authorization.

A middleware is a function of the `Call` that returns a context manager. They are entered in the order listed, so the
first is left last and sees how the call ended.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from reverie_server.errors import Fault, InvalidRequest, NoMessage, TooManyCalls, Violation
from reverie_server.rpc import request_id
from reverie_server.rpc.caller import peer_host
from reverie_server.rpc.handlers import KINDS
from reverie_server.rpc.status import errors_to_status


@dataclass(frozen=True)
class Call:
    """One call: its full method, ``/PACKAGE.SERVICE/METHOD``, its text metadata, its request.

    `request` is an iterator if the client streams, and None if the message was not read because of the metadata.
    """

    method: str
    metadata: Mapping[str, str]
    request: Any
    context: grpc.aio.ServicerContext


Middleware = Callable[[Call], AbstractAsyncContextManager[None]]

#: Seconds in which the message of a call must arrive after the call has begun.
MESSAGE_S = 30.0
#: The most calls from one host whose messages have not arrived. gRPC keeps up to 64 KiB for each.
MAX_READING = 256


def _everyone(method: str, metadata: Mapping[str, str]) -> bool:
    return True


def _nothing(context: grpc.aio.ServicerContext) -> None:
    pass


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Puts middleware around every call, and bounds what calls may take before their messages have arrived.

    `admits` tells by a call's method and metadata whether its message is read; middleware refuses the call otherwise.
    `sends` is called before the only reply of a call is sent. `message_s` and `max_reading` are bounds, as above.
    """

    def __init__(
        self,
        *middleware: Middleware,
        admits: Callable[[str, Mapping[str, str]], bool] = _everyone,
        sends: Callable[[grpc.aio.ServicerContext], None] = _nothing,
        message_s: float = MESSAGE_S,
        max_reading: int = MAX_READING,
    ) -> None:
        self._middleware = middleware
        self._admits, self._sends = admits, sends
        self._message_s, self._max_reading = message_s, max_reading
        #: The calls from each host whose messages have not arrived.
        self._reading: Counter[str] = Counter()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Return the handler of a call with the middleware around it, or None if there is no such method."""
        handler = await continuation(handler_call_details)
        return handler and self._wrapped(handler, handler_call_details)

    def _wrapped(self, handler: Any, details: Any) -> Any:
        """Return a handler with the middleware around it.

        gRPC reads the message of a unary call before it calls the handler, and waits for it without end. So all
        handlers stream their requests here, which is the same on the wire. A single reply stays one: gRPC then sends it
        together with the status, which takes a third less time than one after the other.
        """
        metadata = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
        streams = (handler.request_streaming, handler.response_streaming)
        behaviour = getattr(handler, KINDS[streams])

        async def answer(requests: Any, context: grpc.aio.ServicerContext) -> Any:
            request = requests
            if not handler.request_streaming:
                request = await self._read(details.method, metadata, context)
            async with self._entered(Call(details.method, metadata, request, context)):
                if request is None:  # the middleware found the metadata good: they have changed meanwhile
                    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the message was not read; call again")
                if inspect.isasyncgenfunction(behaviour):
                    async for each in behaviour(request, context):
                        await context.write(each)
                elif handler.response_streaming:
                    await behaviour(request, context)
                else:
                    reply = await behaviour(request, context)
                    self._sends(context)
                    return reply
            return None

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        return make(
            answer,
            request_deserializer=_safe_deserializer(handler.request_deserializer, streams=handler.request_streaming),
            response_serializer=handler.response_serializer,
        )

    @asynccontextmanager
    async def _entered(self, call: Call) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for each in self._middleware:
                await stack.enter_async_context(each(call))
            yield

    async def _read(self, method: str, metadata: Mapping[str, str], context: grpc.aio.ServicerContext) -> Any:
        """Return the message of a call, or what refuses the call in its place."""
        if not self._admits(method, metadata):
            return None
        host = peer_host(context.peer() or "")
        if self._reading[host] >= self._max_reading:
            return _Refused(TooManyCalls(self._max_reading))
        self._reading[host] += 1
        try:
            async with asyncio.timeout(self._message_s):
                # Not from the iterator of requests, which would take a task of its own to be closed.
                message = await context.read()
        except TimeoutError:
            return _Refused(NoMessage(self._message_s))
        finally:
            self._reading[host] -= 1
            if not self._reading[host]:
                del self._reading[host]
        if message is grpc.aio.EOF:
            return _Refused(InvalidRequest([Violation("request", "is missing: the call ended without a message")]))
        return message


@asynccontextmanager
async def assign_request_id(call: Call) -> AsyncIterator[None]:
    """Give the call an id, its caller's if that is valid, and return it in the trailing metadata."""
    request_id.begin(call.metadata.get(request_id.HEADER))
    call.context.set_trailing_metadata(request_id.trailers())
    yield


@asynccontextmanager
async def catch_errors(call: Call) -> AsyncIterator[None]:
    """End the call with a status when an exception leaves it; refuse a request that cannot be decoded."""
    async with errors_to_status(call.context, call.method):
        if isinstance(call.request, _Refused):
            call.request.refuse()
        yield


def status_of(error: BaseException, call: Call) -> str:
    """Return the name of the status with which an exception ends a call."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        remaining = call.context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
    code = call.context.code()
    if isinstance(code, grpc.StatusCode):
        return str(code.name)
    return next((str(each.name) for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")


class _Refused:
    """Stands for the message of a call that is refused."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def refuse(self) -> None:
        """Raise the fault."""
        raise self._fault


def _safe_deserializer(deserializer: Callable[[bytes], Any] | None, *, streams: bool) -> Callable[[bytes], Any] | None:
    """Return a deserializer that lets the call refuse bytes that are not a message; gRPC would answer INTERNAL."""
    if deserializer is None:  # the method takes bytes
        return None

    kind = _kind(deserializer)

    def decode(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            fault = InvalidRequest([Violation("request", f"is not a message of the type {kind}")])
            if streams:
                raise fault from None  # this runs inside the call, which reads its requests itself
            return _Refused(fault)

    return decode


def _kind(deserializer: Any) -> str:
    kind = getattr(getattr(deserializer, "__self__", None), "DESCRIPTOR", None)
    return str(kind.full_name) if kind else "that this method takes"
