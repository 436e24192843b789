"""Translates gRPC status codes to the errors of this package. The only place where that happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from reverie_proto.connecting import Cause, cause

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


# What to do if a client and a server do not understand each other.
REMEDIES: dict[Cause, str] = {
    Cause.TLS_SERVER: "if it has TLS, use that: name its authority with tls_ca (--tls-ca)",
    Cause.PLAINTEXT_SERVER: "give it --tls-cert and --tls-key, or leave out all TLS arguments here; if it is another"
    " machine in a network that you trust, use insecure=True (--insecure)",
    Cause.EXPIRED: "renew it on the server",
    Cause.NOT_YET_VALID: "check the clock, or the certificate on the server",
    Cause.OTHER_NAME: "use the name of the certificate in the address, or say which to expect with tls_name",
    Cause.UNTRUSTED: "name its authority with tls_ca (--tls-ca)",
    Cause.CLIENT_REFUSED: "give a certificate that its authorities signed with tls_cert and tls_key (--tls-cert,"
    " --tls-key)",
}


def translate(error: grpc.RpcError, *, target: str, plaintext: bool | None = None) -> ReverieError:
    """Return the ReverieError for a call to ``target`` that ended with a status other than OK.

    ``plaintext`` says whether the connection uses no TLS; None if that is not known.
    """
    code = error.code()
    details = _details(error.trailing_metadata() or ())
    message = error.details() or f"The server ended the call with {code.name} and said nothing more."
    if code is grpc.StatusCode.UNAVAILABLE and not details.reason:
        # The status comes from gRPC, not from a Reverie server. Its message does not name the address as typed.
        known = None if plaintext is None else cause(message, plaintext=plaintext)
        if known is not None:
            message = f"{known.value}; {REMEDIES[known]} ({message})"
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
