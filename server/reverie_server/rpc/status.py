"""Translates exceptions to gRPC statuses; no other module does that."""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from reverie_server.errors import Fault, NoDescriptors
from reverie_server.rpc import message_limits, request_id

log = logging.getLogger("reverie_server")

DOMAIN = "reverie.v1"

#: Longer requests are checked in a thread, so that other calls go on.
LONG_BYTES = 16 * 2**10

Reply = TypeVar("Reply")
Handler = Callable[[Any, Any, Any], Awaitable[Reply]]


def rpc_method(handler: Handler[Reply]) -> Handler[Reply]:
    """Decorate a servicer's method: check the length of the request's fields, and turn exceptions into statuses."""

    @functools.wraps(handler)
    async def wrapper(self: Any, request: Any, context: grpc.aio.ServicerContext) -> Reply:
        async with errors_to_status(context, handler.__qualname__):
            if isinstance(request, Message):
                if request.ByteSize() > LONG_BYTES:
                    await asyncio.to_thread(message_limits.check, request)
                else:
                    message_limits.check(request)
            return await handler(self, request, context)
        raise AssertionError("abort always raises")

    return wrapper


@asynccontextmanager
async def errors_to_status(context: grpc.aio.ServicerContext, what: str) -> AsyncIterator[None]:
    """End a call with the status of the exception that leaves the block.

    Cancellation is passed on: gRPC leaks the call of a handler that swallows it.
    """
    try:
        yield
    except grpc.aio.AbortError:
        raise  # it has its status
    except Fault as fault:
        await abort(context, fault.code, fault.reason, str(fault), fault.details(), fault.retry_after_s)
    except Exception as error:
        if _out_of_descriptors(error):
            log.error("no file descriptor is left, in %s: %s", what, error)
            full = NoDescriptors()
            await abort(context, full.code, full.reason, str(full), full.details(), full.retry_after_s)
        incident = uuid.uuid4().hex
        log.exception("incident %s in %s", incident, what)
        info = error_details_pb2.RequestInfo(request_id=incident)
        await abort(context, "INTERNAL", "INTERNAL", f"internal error, incident {incident}", [info])


def _out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an exception, or one that led to it, says that no file can be opened any more."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False


async def abort(
    context: grpc.aio.ServicerContext,
    code: str,
    reason: str,
    message: str,
    details: Sequence[Message],
    retry_after_s: int | None = None,
) -> None:
    """End the call with a google.rpc.Status in its trailers.

    Raises CancelledError if the call has ended already, for example by its deadline: then no status can be sent.
    """
    status_code = grpc.StatusCode[code]
    status = status_pb2.Status(code=status_code.value[0], message=message)
    for detail in [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN), *details]:
        status.details.add().Pack(detail)
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if retry_after_s is not None:
        trailers.append(("grpc-retry-pushback-ms", str(retry_after_s * 1000)))  # read by gRPC's own retries
    try:
        await context.abort(status_code, message, (*request_id.trailers(), *trailers))
    except grpc.aio.InternalError as error:
        raise asyncio.CancelledError from error
