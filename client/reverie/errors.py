"""All errors of the client, as one tree of exceptions.

::

    ReverieError                 the base class of all errors
    ├── UsageError               wrong arguments; nothing was sent (also a ValueError)
    ├── InvalidRequest           the server found mistakes in the request: .violations lists them all
    ├── NotFound                 no such model, layer, job or picture: .resource_type, .resource
    ├── FailedPrecondition       the server's state does not allow the request
    ├── Unauthenticated          the token is missing or unknown
    ├── PermissionDenied         the token is known and may not do this
    ├── Unimplemented            the server is older than this client and does not know the call
    ├── Unavailable              no server answers there, or it is starting or stopping: trying later may help
    ├── ResourceExhausted        the server has too much to do: .retry_after_s says when to try again
    ├── DeadlineExceeded         ``timeout`` has passed, or is too short for the request
    ├── Cancelled                the call was cancelled before it ended
    └── InternalError            a bug or defect of the server: .incident is the number to report

A render that fails numerically is not an error but a result: see ``Rendering.outcome``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """One mistake in a request: the field's path in the wire's spec, and what is wrong with it."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


@dataclass(frozen=True)
class Details:
    """The details that a server adds to an error's message. Fields that it did not send keep these defaults."""

    reason: str = ""
    violations: tuple[Violation, ...] = ()
    resource_type: str = ""
    resource: str = ""
    retry_after_s: float | None = None
    incident: str = ""


class ReverieError(Exception):
    """The base class of all errors of the client; ``str`` of it is a sentence for people."""

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message, details)
        self.message = message
        self.details = details or Details()

    def __str__(self) -> str:
        return self.message

    @property
    def reason(self) -> str:
        """The cause as a constant of the protocol, such as "NOT_SERVED"; empty if the server did not send one."""
        return self.details.reason


class UsageError(ReverieError, ValueError):
    """The arguments of a call cannot work; nothing was sent."""


class InvalidRequest(ReverieError):
    """The server found mistakes in the request."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every mistake that was found, not only the first."""
        return self.details.violations

    def __str__(self) -> str:
        missing = [str(violation) for violation in self.violations if violation.description not in self.message]
        return "\n  ".join([self.message, *missing])


class NotFound(ReverieError):
    """The server does not have this model, layer or job or, with ``cache="only"``, this picture in its store."""

    @property
    def resource_type(self) -> str:
        """What was looked for, such as "layer"."""
        return self.details.resource_type

    @property
    def resource(self) -> str:
        """The name that was not found."""
        return self.details.resource


class FailedPrecondition(ReverieError):
    """The server's state does not allow the request."""


class Unauthenticated(ReverieError):
    """The token is missing, or the server does not know it."""


class PermissionDenied(ReverieError):
    """The token is known but does not have the permission for this call."""


class Unimplemented(ReverieError):
    """The server does not know the call: it is older than this client."""


class Unavailable(ReverieError):
    """No server answers there, or it is starting or stopping."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the server asks the client to try again; None if it did not say."""
        return self.details.retry_after_s


class ResourceExhausted(ReverieError):
    """The server has too much to do, or the answer is larger than allowed."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the server asks the client to try again; None if waiting does not help."""
        return self.details.retry_after_s


class DeadlineExceeded(ReverieError):
    """``timeout`` has passed, or is too short for the request."""


class Cancelled(ReverieError):
    """The call was cancelled before it ended."""


class InternalError(ReverieError):
    """The server failed in a way that is its own fault."""

    @property
    def incident(self) -> str:
        """The number under which the server's log describes the failure; empty if the server did not send one."""
        return self.details.incident


def refuse(message: str, problems: Sequence[tuple[str, str]]) -> None:
    """Raise InvalidRequest if there are problems, given as pairs of a field and what is wrong with it."""
    if problems:
        raise InvalidRequest(message, Details(violations=tuple(Violation(*problem) for problem in problems)))
