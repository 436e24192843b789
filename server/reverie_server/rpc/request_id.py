"""The id of the call in progress, which appears in its reply, the log and the traces."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

#: The name of the metadata that holds the id, in requests and in replies.
HEADER = "x-request-id"

#: Ids that a caller may choose; any other text is replaced, so that it does not get into the log.
ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,64}")

_request: ContextVar[str] = ContextVar("reverie_request", default="")


def begin(requested: str | None) -> str:
    """Set and return the id of a new call: the caller's if that is allowed, or else a new one."""
    name = requested if requested is not None and ALLOWED.fullmatch(requested) else uuid.uuid4().hex
    _request.set(name)
    return name


def current() -> str:
    """Return the id of the call in progress, or an empty string if there is none."""
    return _request.get()


def trailers() -> tuple[tuple[str, str], ...]:
    """Return the trailing metadata with the id."""
    return ((HEADER, current()),) if current() else ()
