"""The translation of every error that a server can return."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import reverie
from google.rpc import error_details_pb2 as rpc_details
from reverie import _translation, errors

from tests.client.faults import Fault, error_info, retry_info
from tests.client.scripted import Script

Ask = Callable[[reverie.Client], object]
STATUS = grpc.StatusCode

# The server's errors: the fault, the client's error, and the details that it must contain.
REFUSALS = [
    (
        Fault(
            STATUS.INVALID_ARGUMENT,
            "2 mistakes.",
            (
                error_info("INVALID_SPEC"),
                rpc_details.BadRequest(
                    field_violations=[
                        rpc_details.BadRequest.FieldViolation(field="spec.steps", description="0 is not in [1, 4096]"),
                        rpc_details.BadRequest.FieldViolation(field="spec.size", description="7 is not in [8, 1024]"),
                    ]
                ),
            ),
        ),
        reverie.InvalidRequest,
        {
            "reason": "INVALID_SPEC",
            "violations": (
                reverie.Violation("spec.steps", "0 is not in [1, 4096]"),
                reverie.Violation("spec.size", "7 is not in [8, 1024]"),
            ),
        },
    ),
    (
        Fault(
            STATUS.NOT_FOUND,
            "No layer conv9_9; nearest: conv4_4.",
            (
                error_info("LAYER_NOT_FOUND"),
                rpc_details.ResourceInfo(resource_type="layer", resource_name="conv9_9"),
            ),
        ),
        reverie.NotFound,
        {"reason": "LAYER_NOT_FOUND", "resource_type": "layer", "resource": "conv9_9"},
    ),
    (
        Fault(STATUS.RESOURCE_EXHAUSTED, "Full.", (error_info("QUEUE_FULL"), retry_info(90.5))),
        reverie.ResourceExhausted,
        {"reason": "QUEUE_FULL", "retry_after_s": 90.5},
    ),
    (
        Fault(STATUS.INTERNAL, "Incident ab12.", (error_info("INTERNAL"), rpc_details.RequestInfo(request_id="ab12"))),
        reverie.InternalError,
        {"reason": "INTERNAL", "incident": "ab12"},
    ),
    (Fault(STATUS.UNAUTHENTICATED), reverie.Unauthenticated, {"reason": ""}),
    (Fault(STATUS.PERMISSION_DENIED), reverie.PermissionDenied, {}),
    (Fault(STATUS.FAILED_PRECONDITION), reverie.FailedPrecondition, {}),
    (Fault(STATUS.UNIMPLEMENTED), reverie.Unimplemented, {}),
    (Fault(STATUS.DEADLINE_EXCEEDED), reverie.DeadlineExceeded, {}),
    (Fault(STATUS.CANCELLED), reverie.Cancelled, {}),
    (Fault(STATUS.UNKNOWN, "Boom."), reverie.InternalError, {"incident": ""}),
]


def render(client: reverie.Client) -> reverie.Rendering:
    return client.render("tiny", "conv1_1", 3)


def stream(client: reverie.Client) -> list[reverie.Event]:
    return list(client.stream("tiny", "conv1_1", 3))


@pytest.mark.parametrize(("fault", "error", "facts"), REFUSALS, ids=[fault.code.name for fault, _, _ in REFUSALS])
@pytest.mark.parametrize("ask", [render, stream, lambda client: client.models()], ids=["render", "stream", "models"])
def test_a_refusal_becomes_its_error_with_its_details(
    client: reverie.Client,
    script: Script,
    ask: Ask,
    fault: Fault,
    error: type[reverie.ReverieError],
    facts: dict[str, object],
) -> None:
    script.faults.append(fault)
    with pytest.raises(error) as caught:
        ask(client)
    assert type(caught.value) is error
    assert caught.value.message == fault.message
    assert {name: getattr(caught.value, name) for name in facts} == facts


def test_all_violations_of_a_request_are_listed(client: reverie.Client, script: Script) -> None:
    script.faults.append(REFUSALS[0][0])
    with pytest.raises(reverie.InvalidRequest) as caught:
        render(client)
    assert str(caught.value).splitlines() == [
        "2 mistakes.",
        "  spec.steps: 0 is not in [1, 4096]",
        "  spec.size: 7 is not in [8, 1024]",
    ]


@pytest.mark.parametrize(
    "trailer", [b"", b"\xff\xff not a status", b"\x1a\x02\x0a\x00"], ids=["empty", "garbage", "unknown detail"]
)
def test_a_foreign_trailer_does_not_hide_the_error(client: reverie.Client, script: Script, trailer: bytes) -> None:
    script.faults.append(Fault(STATUS.NOT_FOUND, "Nothing here.", metadata=(("grpc-status-details-bin", trailer),)))
    with pytest.raises(reverie.NotFound, match="Nothing here") as caught:
        render(client)
    assert caught.value.reason == ""


def test_every_status_has_its_error() -> None:
    assert _translation.ERRORS.keys() == set(STATUS) - {STATUS.OK}


def test_every_error_translates_a_status_or_is_raised_by_the_client() -> None:
    assert set(_translation.ERRORS.values()) | {reverie.UsageError, reverie.ReverieError} == set(tree())


def test_every_attribute_of_an_error_is_read_from_a_detail() -> None:
    @dataclass
    class Anything:
        """Has every attribute, so that the function that reads a google.rpc message can run without one."""

        def __getattr__(self, name: str) -> Any:
            return [] if name == "field_violations" else Number()

    @dataclass
    class Number:
        seconds: int = 1
        nanos: int = 0

    read = {fact for facts in _translation.FACTS.values() for fact in facts(Anything())}
    assert read == {"reason", "violations", "resource_type", "resource", "retry_after_s", "incident"}
    assert read == set(inspect.signature(errors.Details).parameters)


def test_the_tree_in_the_docstring_is_the_tree_of_the_code() -> None:
    drawn = [line.split("── ")[1].split()[0] for line in errors.__doc__.splitlines() if "── " in line]
    assert drawn == [error.__name__ for error in tree() if error is not reverie.ReverieError]


def test_a_usage_error_is_also_a_value_error() -> None:
    assert issubclass(reverie.UsageError, ValueError)


@pytest.mark.parametrize("error", [error for _, error, _ in REFUSALS])
def test_an_error_can_be_pickled(error: type[reverie.ReverieError]) -> None:
    original = error("Sentence.", errors.Details(reason="REASON"))
    copy = pickle.loads(pickle.dumps(original))
    assert (type(copy), str(copy), copy.reason) == (error, "Sentence.", "REASON")


def tree() -> list[type[reverie.ReverieError]]:
    """Return all error classes in the order of their definition."""
    return [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, reverie.ReverieError)
    ]
