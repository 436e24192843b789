"""What surrounds every call on a server of ours: its name, its record, its errors, its caller.

Each of these is a layer: a context manager around the call, given the `Call`. They are entered in the order listed, so
the first sees how the call ended after all others.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from reverie_server.errors import InvalidRequest, Violation
from reverie_server.rpc import request_id
from reverie_server.rpc.status import reporting


@dataclass(frozen=True)
class Call:
    """One call: its full method, ``/PACKAGE.SERVICE/METHOD``, its text metadata, its request.

    `request` is an iterator where the client streams.
    """

    method: str
    metadata: Mapping[str, str]
    request: Any
    context: grpc.aio.ServicerContext


Layer = Callable[[Call], AbstractAsyncContextManager[None]]


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Puts layers around every call."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Return the handler of a call, with the layers around it; None where there is no such method."""
        handler = await continuation(handler_call_details)
        return handler and _surrounded(handler, handler_call_details, self._layers)


@asynccontextmanager
async def named(call: Call) -> AsyncIterator[None]:
    """Give the call a name, its caller's if that can be, and return it with the answer."""
    request_id.begin(call.metadata.get(request_id.HEADER))
    call.context.set_trailing_metadata(request_id.trailers())
    yield


@asynccontextmanager
async def shielded(call: Call) -> AsyncIterator[None]:
    """Let no exception reach the client as it is; refuse what was no message."""
    async with reporting(call.context, call.method):
        if isinstance(call.request, _Undecodable):
            call.request.refuse()
        yield


def status_of(error: BaseException, call: Call) -> str:
    """Return the name of the status that a call ends with because of an exception."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        remaining = call.context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
    code = call.context.code()
    if isinstance(code, grpc.StatusCode):
        return str(code.name)
    return next((str(each.name) for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")


class _Undecodable:
    """Bytes that are no message of the method's type."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def refuse(self) -> None:
        """Raise InvalidRequest."""
        raise InvalidRequest([Violation("request", f"is no message of the type {self._kind}")])


def _surrounded(handler: Any, details: Any, layers: Sequence[Layer]) -> Any:
    metadata = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
    streams = (handler.request_streaming, handler.response_streaming)
    behaviour = getattr(handler, KINDS[streams])

    @asynccontextmanager
    async def layered(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[None]:
        call = Call(details.method, metadata, request, context)
        async with AsyncExitStack() as stack:
            for layer in layers:
                await stack.enter_async_context(layer(call))
            yield

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        async with layered(request, context):
            return await behaviour(request, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        async with layered(request, context):
            async for each in behaviour(request, context):
                yield each

    make = getattr(grpc, f"{KINDS[streams]}_rpc_method_handler")
    return make(
        answers if inspect.isasyncgenfunction(behaviour) else answer,
        request_deserializer=_guarded(handler.request_deserializer, streams=handler.request_streaming),
        response_serializer=handler.response_serializer,
    )


KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _guarded(deserializer: Callable[[bytes], Any] | None, *, streams: bool) -> Callable[[bytes], Any] | None:
    """Return a deserializer that lets the call refuse what is no message; gRPC itself calls that an error of ours."""
    if deserializer is None:  # the method takes bytes
        return None

    kind = _kind(deserializer)

    def decode(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            undecodable = _Undecodable(kind)
            if streams:
                undecodable.refuse()  # inside of the call, which reads its requests itself
            return undecodable

    return decode


def _kind(deserializer: Any) -> str:
    kind = getattr(getattr(deserializer, "__self__", None), "DESCRIPTOR", None)
    return str(kind.full_name) if kind else "that this method takes"
