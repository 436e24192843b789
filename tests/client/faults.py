"""Errors that a scripted server can return, with their google.rpc details."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc_details
from google.rpc import status_pb2


@dataclass(frozen=True)
class Fault:
    """An error: the status, its message and its google.rpc details."""

    code: grpc.StatusCode
    message: str = "No."
    details: tuple[Message, ...] = ()
    metadata: tuple[tuple[str, str | bytes], ...] = ()


def error_info(reason: str) -> rpc_details.ErrorInfo:
    return rpc_details.ErrorInfo(domain="reverie.v1", reason=reason)


def retry_info(seconds: float) -> rpc_details.RetryInfo:
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    return rpc_details.RetryInfo(retry_delay=delay)


def refuse(context: grpc.ServicerContext, fault: Fault) -> None:
    """End a call with an error."""
    packed = [any_pb2.Any() for _ in fault.details]
    for envelope, detail in zip(packed, fault.details, strict=True):
        envelope.Pack(detail)
    metadata = list(fault.metadata)
    if packed:
        status = status_pb2.Status(code=fault.code.value[0], message=fault.message, details=packed)
        metadata.append(("grpc-status-details-bin", status.SerializeToString()))
    context.set_trailing_metadata(metadata)
    context.abort(fault.code, fault.message)
