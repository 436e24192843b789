"""The errors that a caller can get, and the gRPC status of each.

    Fault
    |- InvalidRequest     INVALID_ARGUMENT    fields hold values that cannot be served; names all of them at once
    |- NotServed          NOT_FOUND           a model or layer that is not served here, with the nearest names
    |- NotStored          NOT_FOUND           the request allows only a stored picture, and it is not stored
    |- NoSuchJob          NOT_FOUND           a job that was never created here, or is deleted
    |- JobsOff            FAILED_PRECONDITION this server keeps no jobs, or their file is damaged
    |- TooManyJobs        RESOURCE_EXHAUSTED  too many jobs are open already, of this client or in all
    |- JobsUnreachable    UNAVAILABLE         the file of jobs cannot be used at this moment
    |- Unauthenticated    UNAUTHENTICATED     the call needs an API key and has none that is known here
    |- Forbidden          PERMISSION_DENIED   the caller's key lacks the right that the call needs
    |- QuotaExceeded      RESOURCE_EXHAUSTED  the caller's key has used up its quota: retry later
    |- QueueFull          RESOURCE_EXHAUSTED  too many renders wait already: retry later
    |- SlowReader         RESOURCE_EXHAUSTED  the client does not read what it asked for
    |- TooManyCalls       RESOURCE_EXHAUSTED  too many calls of the client wait for their messages
    |- NoMessage          DEADLINE_EXCEEDED   the call's message did not arrive in time
    |- NoDescriptors      UNAVAILABLE         the server has no file descriptor left at this moment
    |- TooLate            DEADLINE_EXCEEDED   the call's deadline would pass before the picture is done
    |- Draining           UNAVAILABLE         the server is about to stop: ask another, or retry later
    '- Interrupted        UNAVAILABLE         the render was stopped because the server stops

Our code raises a `Fault`; only rpc/status.py turns it into a status. Any other exception that reaches it is a bug: the
client sees INTERNAL with an incident id, and the log has the traceback under that id.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2

#: gRPC sends a status in the trailers, which peers cap at 8 KiB: the sentence percent-encoded, and in base64 the
#: sentence again and the details. Violations that would not fit are only counted.
MAX_SENTENCE_BYTES = 800
MAX_DETAILS_BYTES = 3_800


@dataclass(frozen=True)
class Violation:
    """A field that cannot be served: its path in the request, and a text with the value seen and the allowed ones."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Unchecked(Violation):
    """A note at the end of violations that the rest of the request was not checked."""


class Fault(Exception):
    """An error that the caller can act on; `details` returns its machine-readable part (google.rpc messages)."""

    #: Name of the gRPC status code.
    code: ClassVar[str]
    #: What went wrong, for programs: ErrorInfo.reason.
    reason: ClassVar[str]
    #: Seconds after which the same request may be served; None if it never will be.
    retry_after_s: int | None = None

    def details(self) -> Sequence[Message]:
        """Return the google.rpc messages that go with the sentence."""
        if self.retry_after_s is None:
            return []
        return [error_details_pb2.RetryInfo(retry_delay=Duration(seconds=self.retry_after_s))]

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a fault cross processes: most constructors take other arguments than the sentence in `args`."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[Fault], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Fault:
    fault = kind.__new__(kind, *arguments)
    fault.__dict__.update(attributes)
    return fault


class InvalidRequest(Fault):
    """Fields of the request hold values that cannot be served."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__(sentence(self.violations))

    def details(self) -> Sequence[Message]:
        """Return a BadRequest."""
        return [bad_request(self.violations)]


class NotServed(Fault):
    """The request names models or layers that this server does not have."""

    code = "NOT_FOUND"
    reason = "NOT_SERVED"

    def __init__(self, kind: str, name: str, violations: Sequence[Violation]) -> None:
        self.kind = kind
        self.name = name
        self.violations = tuple(violations)
        super().__init__(sentence(self.violations))

    def details(self) -> Sequence[Message]:
        """Return the resource, and the fields that name it."""
        resource = error_details_pb2.ResourceInfo(
            resource_type=self.kind, resource_name=self.name[:200], description=self.violations[0].problem
        )
        return [resource, bad_request(self.violations)]


class NotStored(Fault):
    """The picture is not in the store, and the request does not allow rendering it."""

    code = "NOT_FOUND"
    reason = "NOT_STORED"

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"the picture {digest} is not in the store; cache CACHE_MODE_USE renders it")

    def details(self) -> Sequence[Message]:
        """Return the resource."""
        return [error_details_pb2.ResourceInfo(resource_type="rendering", resource_name=self.digest)]


class NoSuchJob(Fault):
    """No job of the caller has this id, or it ended so long ago that it is deleted."""

    code = "NOT_FOUND"
    reason = "NO_SUCH_JOB"

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"there is no job {shown(job)}; ListRenderJobs names those that are remembered")

    def details(self) -> Sequence[Message]:
        """Return the resource."""
        return [error_details_pb2.ResourceInfo(resource_type="job", resource_name=self.job[:200])]


class JobsOff(Fault):
    """This server keeps no jobs, or cannot use their file until someone has mended it."""

    code = "FAILED_PRECONDITION"
    reason = "JOBS_OFF"

    def __init__(self, why: str) -> None:
        super().__init__(f"this server takes no jobs: {why}")


class TooManyJobs(Fault):
    """As many jobs are open as the server allows."""

    code = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_JOBS"
    retry_after_s = 300

    def __init__(self, most: int, *, scope: str = "") -> None:
        super().__init__(
            f"{most} jobs{scope} are open already and no more are accepted; cancel one, or retry when one has ended"
        )


class JobsUnreachable(Fault):
    """The file of jobs cannot be used at this moment."""

    code = "UNAVAILABLE"
    reason = "JOBS_UNREACHABLE"
    retry_after_s = 5

    def __init__(self, why: str) -> None:
        super().__init__(f"jobs cannot be reached at this moment: {why}")


class Unauthenticated(Fault):
    """The call needs an API key and has none that is known here."""

    code = "UNAUTHENTICATED"
    reason = "UNAUTHENTICATED"


class Forbidden(Fault):
    """The caller is known but lacks the right that the call needs."""

    code = "PERMISSION_DENIED"
    reason = "MISSING_RIGHT"

    def __init__(self, right: str, held: Sequence[str]) -> None:
        super().__init__(
            f"this needs the right {right!r} and the key has {', '.join(sorted(held))}; ask for another key"
        )


class QuotaExceeded(Fault):
    """The caller's key has used up its quota for now."""

    code = "RESOURCE_EXHAUSTED"
    reason = "QUOTA_EXCEEDED"

    def __init__(self, quota: str, problem: str, retry_after_s: int) -> None:
        self.problem = problem
        self._violation = error_details_pb2.QuotaFailure.Violation(subject=quota, description=problem)
        self.retry_after_s = retry_after_s
        super().__init__(f"{problem}; retry in {retry_after_s} s")

    def details(self) -> Sequence[Message]:
        """Return when to retry, and which quota was exceeded."""
        return [*super().details(), error_details_pb2.QuotaFailure(violations=[self._violation])]


class QueueFull(Fault):
    """Too many renders wait for the device already."""

    code = "RESOURCE_EXHAUSTED"
    reason = "QUEUE_FULL"

    def __init__(self, waiting: int, retry_after_s: int, *, scope: str = "") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{waiting} renders{scope} wait already and no more are taken; retry in {retry_after_s} s")


class SlowReader(Fault):
    """The client does not read what it asked for, and there is no more room for what waits for it."""

    code = "RESOURCE_EXHAUSTED"
    reason = "SLOW_READER"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the client reads too slowly: {problem}; read each stream as it comes, have fewer open at once, or ask for"
            " fewer or smaller frames"
        )


class TooManyCalls(Fault):
    """Too many calls of the client have begun and not sent their messages."""

    code = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_CALLS"
    retry_after_s = 1

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} calls from this address wait for their messages already; send those first")


class NoMessage(Fault):
    """The call's message did not arrive in time."""

    code = "DEADLINE_EXCEEDED"
    reason = "NO_MESSAGE"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the message of the call did not arrive within {seconds:g} s; send it when the call begins")


class NoDescriptors(Fault):
    """The server has no file descriptor left at this moment."""

    code = "UNAVAILABLE"
    reason = "NO_DESCRIPTORS"
    retry_after_s = 5

    def __init__(self) -> None:
        super().__init__("the server has too many files and connections open at this moment; retry in 5 s")


class TooLate(Fault):
    """The picture cannot be done before the call's deadline."""

    code = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_TOO_SHORT"

    def __init__(self, *, estimated_s: float, wait_s: float, remaining_s: float) -> None:
        wait = f" after a wait of about {_seconds(wait_s)}" if wait_s else ""
        super().__init__(
            f"the render takes about {_seconds(estimated_s)}{wait}, and the call's deadline is in"
            f" {_seconds(remaining_s)}; allow more time, or ask for fewer steps or pixels"
        )


class Draining(Fault):
    """The server finishes accepted renders and takes no new ones."""

    code = "UNAVAILABLE"
    reason = "DRAINING"
    retry_after_s = 5

    def __init__(self) -> None:
        super().__init__("the server is shutting down and takes no new renders; retry when another one answers")


class Interrupted(Fault):
    """The server stopped the render before it was done."""

    code = "UNAVAILABLE"
    reason = "INTERRUPTED"
    retry_after_s = 5

    def __init__(self) -> None:
        super().__init__("the render was stopped before it was done; the same request will give the picture")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def shown(value: object) -> str:
    """Return a caller's value for use in a sentence: quoted if it is text, and at most 60 characters long."""
    text = f"{value:g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def sentence(violations: Sequence[Violation]) -> str:
    """Return all violations in one line; violations that do not fit are only counted."""
    found, notes = _split(violations)
    fitting = _first(found, MAX_SENTENCE_BYTES, lambda violation: len(quote(str(violation), safe=string.printable)))
    rest = len(found) - len(fitting)
    return "; ".join([*map(str, fitting), *([f"and {rest} more"] if rest else []), *map(str, notes)])


def bad_request(violations: Sequence[Violation]) -> Message:
    """Return the violations as a google.rpc.BadRequest."""
    found, notes = _split(violations)
    fitting = _first(found, MAX_DETAILS_BYTES, lambda violation: len(str(violation).encode()) + 6)
    message: Message = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.problem)
            for violation in (*fitting, *notes)
        ]
    )
    return message


def _split(violations: Sequence[Violation]) -> tuple[Sequence[Violation], Sequence[Violation]]:
    """Return the violations that were found, and the notes that not all were looked for."""
    notes = [each for each in violations if isinstance(each, Unchecked)]
    return [each for each in violations if each not in notes], notes


def _first(violations: Sequence[Violation], most: int, size: Callable[[Violation], int]) -> Sequence[Violation]:
    """Return the first violations whose sizes sum to at most `most`, but at least one."""
    sizes = itertools.accumulate(size(violation) for violation in violations)
    fitting = sum(1 for total in sizes if total <= most)
    return violations[: max(1, fitting)]
