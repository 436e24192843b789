"""The status and details that a client receives for each fault."""

from __future__ import annotations

import asyncio
import errno
import logging
import re

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from reverie_server import errors as faults
from reverie_server.errors import (
    Draining,
    Fault,
    Forbidden,
    Interrupted,
    InvalidRequest,
    JobsOff,
    JobsUnreachable,
    NoDescriptors,
    NoMessage,
    NoSuchJob,
    NotServed,
    NotStored,
    QueueFull,
    QuotaExceeded,
    SlowReader,
    TooLate,
    TooManyCalls,
    TooManyJobs,
    Unauthenticated,
    Violation,
)
from reverie_server.rpc.status import rpc_method

from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Refusal, hosted

STEPS = Violation("spec.steps", "0 is not in 1..10000")
MODEL = Violation("spec.model", "there is no model 'vgg91'; the nearest: vgg19")

# The fault, the status code, the reason, and the types of the details besides ErrorInfo.
FAULTS: list[tuple[Fault, str, str, list[type[Message]]]] = [
    (InvalidRequest([STEPS, MODEL]), "INVALID_ARGUMENT", "INVALID_REQUEST", [rpc.BadRequest]),
    (NotServed("model", "vgg91", [MODEL]), "NOT_FOUND", "NOT_SERVED", [rpc.ResourceInfo, rpc.BadRequest]),
    (NotStored("d1" * 32), "NOT_FOUND", "NOT_STORED", [rpc.ResourceInfo]),
    (NoSuchJob("x"), "NOT_FOUND", "NO_SUCH_JOB", [rpc.ResourceInfo]),
    (JobsOff("it has no store"), "FAILED_PRECONDITION", "JOBS_OFF", []),
    (TooManyJobs(16), "RESOURCE_EXHAUSTED", "TOO_MANY_JOBS", [rpc.RetryInfo]),
    (JobsUnreachable("the disk is full"), "UNAVAILABLE", "JOBS_UNREACHABLE", [rpc.RetryInfo]),
    (Unauthenticated("no key"), "UNAUTHENTICATED", "UNAUTHENTICATED", []),
    (Forbidden("render", ["read"]), "PERMISSION_DENIED", "MISSING_RIGHT", []),
    (QuotaExceeded("renders", "2 of 2", 3), "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", [rpc.RetryInfo, rpc.QuotaFailure]),
    (QueueFull(64, 5), "RESOURCE_EXHAUSTED", "QUEUE_FULL", [rpc.RetryInfo]),
    (SlowReader("it has not read for 9 s"), "RESOURCE_EXHAUSTED", "SLOW_READER", []),
    (TooManyCalls(256), "RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", [rpc.RetryInfo]),
    (NoMessage(30), "DEADLINE_EXCEEDED", "NO_MESSAGE", []),
    (NoDescriptors(), "UNAVAILABLE", "NO_DESCRIPTORS", [rpc.RetryInfo]),
    (TooLate(estimated_s=8, wait_s=4, remaining_s=1), "DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT", []),
    (Draining(), "UNAVAILABLE", "DRAINING", [rpc.RetryInfo]),
    (Interrupted(), "UNAVAILABLE", "INTERRUPTED", [rpc.RetryInfo]),
]


class Host:
    """A service with one method, which raises the given exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.called = asyncio.Event()
        self.seen: BaseException | None = None

    @rpc_method
    async def fail(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.called.set()
        try:
            if isinstance(self.error, asyncio.CancelledError):
                await asyncio.Event().wait()
            raise self.error
        except BaseException as error:
            self.seen = error
            raise

    def add_to(self, server: grpc.aio.Server) -> None:
        handler = grpc.unary_unary_rpc_method_handler(self.fail)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Host", {"Fail": handler}),))


async def refusal(error: BaseException) -> Refusal:
    """Return the refusal that a client sees when a handler raises."""
    async with hosted(Host(error).add_to) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/test.Host/Fail")(b"")
    return Refusal(caught.value)


@pytest.mark.parametrize(("fault", "code", "reason", "details"), FAULTS, ids=lambda value: type(value).__name__)
async def test_a_fault_has_a_code_a_message_and_details(
    fault: Fault, code: str, reason: str, details: list[type[Message]]
) -> None:
    seen = await refusal(fault)
    assert seen.code is grpc.StatusCode[code]
    assert seen.sentence == seen.status.message == str(fault)
    assert seen.status.code == seen.code.value[0]
    info = seen.detail(rpc.ErrorInfo)
    assert (info.reason, info.domain) == (reason, "reverie.v1")
    assert len(seen.status.details) == 1 + len(details)
    assert all(seen.detail(kind) is not None for kind in details)


def test_every_fault_has_a_row() -> None:
    assert {type(fault) for fault, *_ in FAULTS} == set(Fault.__subclasses__())


async def test_all_violations_are_sent_at_once_with_their_fields() -> None:
    seen = await refusal(InvalidRequest([STEPS, MODEL]))
    violations = [(each.field, each.description) for each in seen.detail(rpc.BadRequest).field_violations]
    assert violations == [(STEPS.field, STEPS.problem), (MODEL.field, MODEL.problem)]
    assert seen.sentence == f"{STEPS}; {MODEL}"


async def test_an_unknown_name_is_sent_as_a_resource() -> None:
    resource = (await refusal(NotServed("model", "vgg91", [MODEL]))).detail(rpc.ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == ("model", "vgg91")
    assert "vgg19" in resource.description


async def test_a_temporary_fault_has_a_retry_time() -> None:
    seen = await refusal(QueueFull(64, 5))
    assert seen.detail(rpc.RetryInfo).retry_delay.seconds == 5
    assert seen.trailers["grpc-retry-pushback-ms"] == "5000"


async def test_a_hundred_long_violations_still_arrive() -> None:
    """Trailers of more than 8 KiB would reach the client as a different error."""
    many = [Violation(f"spec.objective.sum.terms[{i}].weight", "é" * 100) for i in range(100)]
    seen = await refusal(InvalidRequest(many))
    sent = len(seen.detail(rpc.BadRequest).field_violations)
    assert seen.code is grpc.StatusCode.INVALID_ARGUMENT
    assert 10 < sent < 100
    assert re.search(r"; and \d\d more$", seen.sentence)


async def test_a_bug_of_ours_shows_an_incident_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "reverie_server"):
        seen = await refusal(ValueError("the secret path"))
    incident = seen.detail(rpc.RequestInfo).request_id
    assert seen.code is grpc.StatusCode.INTERNAL
    assert seen.sentence == f"internal error, incident {incident}"
    assert b"secret" not in seen.status.SerializeToString()
    # gRPC may complain of a loop that an earlier test has closed.
    (record,) = (record for record in caplog.records if record.name.startswith("reverie_server"))
    assert incident in record.getMessage()
    assert record.exc_text is not None
    assert "the secret path" in record.exc_text


async def test_cancellation_passes_through() -> None:
    host = Host(asyncio.CancelledError())
    async with hosted(host.add_to) as channel:
        call = channel.unary_unary("/test.Host/Fail")(b"")
        async with asyncio.timeout(PATIENCE_S):
            await host.called.wait()
            call.cancel()
            while host.seen is None:
                await asyncio.sleep(0.01)
    assert isinstance(host.seen, asyncio.CancelledError)


# The durations of a render and its wait, the time left, and the message.
LATE = [
    ((8.04, 0, 1), "the render takes about 8 s, and the call's deadline is in 1 s; allow more time"),
    ((1234.5, 61.2, 0.043), "takes about 1234 s after a wait of about 61 s, and the call's deadline is in 0.043 s"),
]


@pytest.mark.parametrize(("seconds", "expected"), LATE)
def test_a_deadline_that_is_too_short_is_refused_with_the_estimate(
    seconds: tuple[float, float, float], expected: str
) -> None:
    estimated, wait, remaining = seconds
    assert expected in str(TooLate(estimated_s=estimated, wait_s=wait, remaining_s=remaining))


# A caller's value, and its form in a message.
SHOWN = [("a'b", '"a\'b"'), ("x" * 100, "'" + "x" * 56 + "..."), (0.1, "0.1"), (float("nan"), "nan"), (7, "7")]


@pytest.mark.parametrize(("value", "text"), SHOWN)
def test_a_callers_value_is_shown_in_at_most_sixty_characters(value: object, text: str) -> None:
    assert faults.shown(value) == text
    assert len(faults.shown(value)) <= 60


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize("wrapped", [False, True])
async def test_no_descriptor_left_is_unavailable_and_no_bug(number: int, wrapped: bool) -> None:
    error: Exception = OSError(number, "too many open files")
    if wrapped:
        outer = RuntimeError("the model cannot be read")
        outer.__cause__ = error
        error = outer
    refused = await refusal(error)
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert refused.detail(rpc.ErrorInfo).reason == "NO_DESCRIPTORS"
