"""Middleware around every call of a server that `reverie serve` starts: request id, access log, errors, authorization.

A middleware is a function of the `Call` that returns a context manager. They are entered in the order listed, so the
first is left last and sees how the call ended.
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
from reverie_server.rpc.handlers import KINDS
from reverie_server.rpc.status import errors_to_status


@dataclass(frozen=True)
class Call:
    """One call: its full method, ``/PACKAGE.SERVICE/METHOD``, its text metadata, its request.

    `request` is an iterator if the client streams.
    """

    method: str
    metadata: Mapping[str, str]
    request: Any
    context: grpc.aio.ServicerContext


Middleware = Callable[[Call], AbstractAsyncContextManager[None]]


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Puts middleware around every call."""

    def __init__(self, *middleware: Middleware) -> None:
        self._middleware = middleware

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Return the handler of a call with the middleware around it, or None if there is no such method."""
        handler = await continuation(handler_call_details)
        return handler and _with_middleware(handler, handler_call_details, self._middleware)


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
        if isinstance(call.request, _Undecodable):
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


class _Undecodable:
    """Stands for a request whose bytes are not a message of the method's type."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def refuse(self) -> None:
        """Raise InvalidRequest."""
        raise InvalidRequest([Violation("request", f"is not a message of the type {self._kind}")])


def _with_middleware(handler: Any, details: Any, middleware: Sequence[Middleware]) -> Any:
    metadata = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
    streams = (handler.request_streaming, handler.response_streaming)
    behaviour = getattr(handler, KINDS[streams])

    @asynccontextmanager
    async def entered(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[None]:
        call = Call(details.method, metadata, request, context)
        async with AsyncExitStack() as stack:
            for each in middleware:
                await stack.enter_async_context(each(call))
            yield

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        async with entered(request, context):
            return await behaviour(request, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        async with entered(request, context):
            async for each in behaviour(request, context):
                yield each

    make = getattr(grpc, f"{KINDS[streams]}_rpc_method_handler")
    return make(
        answers if inspect.isasyncgenfunction(behaviour) else answer,
        request_deserializer=_safe_deserializer(handler.request_deserializer, streams=handler.request_streaming),
        response_serializer=handler.response_serializer,
    )


def _safe_deserializer(deserializer: Callable[[bytes], Any] | None, *, streams: bool) -> Callable[[bytes], Any] | None:
    """Return a deserializer that lets the call refuse bytes that are not a message; gRPC would answer INTERNAL."""
    if deserializer is None:  # the method takes bytes
        return None

    kind = _kind(deserializer)

    def decode(data: bytes) -> Any:
        try:
            return deserializer(data)
        except DecodeError:
            undecodable = _Undecodable(kind)
            if streams:
                undecodable.refuse()  # this runs inside the call, which reads its requests itself
            return undecodable

    return decode


def _kind(deserializer: Any) -> str:
    kind = getattr(getattr(deserializer, "__self__", None), "DESCRIPTOR", None)
    return str(kind.full_name) if kind else "that this method takes"
