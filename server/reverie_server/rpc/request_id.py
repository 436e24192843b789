"""The id of the call in progress, for its caller, the log and the traces."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

#: The metadata that carries it, in requests and in replies.
HEADER = "x-request-id"

#: Ids that a caller may choose; any other text stays out of our log.
ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,64}")

_request: ContextVar[str] = ContextVar("reverie_request", default="")


def begin(wanted: str | None) -> str:
    """Set the id of the call that begins, the one its caller wants if that is allowed; return it."""
    name = wanted if wanted is not None and ALLOWED.fullmatch(wanted) else uuid.uuid4().hex
    _request.set(name)
    return name


def current() -> str:
    """Return the id of the call in progress; empty outside of one."""
    return _request.get()


def trailers() -> tuple[tuple[str, str], ...]:
    """Return the trailing metadata with the id."""
    return ((HEADER, current()),) if current() else ()
