"""Translates gRPC status codes to the errors of this package. The only place where that happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from reverie import errors
from reverie.errors import Details, ReverieError, Violation

DETAILS_KEY = "grpc-status-details-bin"

# Every status except OK has a row.
ERRORS: dict[grpc.StatusCode, type[ReverieError]] = {
    grpc.StatusCode.ABORTED: errors.FailedPrecondition,
    grpc.StatusCode.ALREADY_EXISTS: errors.FailedPrecondition,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unimplemented,
    grpc.StatusCode.UNKNOWN: errors.InternalError,
}


def translate(error: grpc.RpcError, *, target: str) -> ReverieError:
    """Return the ReverieError for a call to ``target`` that ended with a status other than OK."""
    code = error.code()
    details = _details(error.trailing_metadata() or ())
    message = error.details() or f"The server ended the call with {code.name} and said nothing more."
    if code is grpc.StatusCode.UNAVAILABLE and not details.reason:
        # The status comes from gRPC, not from a Reverie server. Its message does not name the address as typed.
        message = f"No Reverie server answers at {target}: {message}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and "Deadline Exceeded" in message:
        # gRPC's own message, from the client or the server, names neither the limit nor a remedy.
        message = f"The time given to {target} ran out: allow more with timeout, or ask for fewer steps or pixels."
    return ERRORS[code](message, details)


def _details(metadata: Iterable[tuple[str, str | bytes]]) -> Details:
    for key, value in metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            return _unpack(value)
    return Details()


def _unpack(data: bytes) -> Details:
    from google.rpc import error_details_pb2, status_pb2  # takes 20 ms, so only import it after a failure

    facts: dict[str, Any] = {}
    try:
        for packed in status_pb2.Status.FromString(data).details:
            kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2], None)
            if kind is not None and kind.DESCRIPTOR.name in FACTS:
                message = kind()
                packed.Unpack(message)
                facts |= FACTS[kind.DESCRIPTOR.name](message)
    except DecodeError:
        return Details()  # the trailer of a proxy: status and message are still valid
    return Details(**facts)


# How to read each google.rpc message that carries details, by its name.
FACTS: dict[str, Any] = {
    "BadRequest": lambda m: {"violations": tuple(Violation(v.field, v.description) for v in m.field_violations)},
    "ErrorInfo": lambda m: {"reason": m.reason},
    "RequestInfo": lambda m: {"incident": m.request_id},
    "ResourceInfo": lambda m: {"resource_type": m.resource_type, "resource": m.resource_name},
    "RetryInfo": lambda m: {"retry_after_s": m.retry_delay.seconds + m.retry_delay.nanos / 1e9},
}
