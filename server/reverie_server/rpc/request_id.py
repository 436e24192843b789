"""The name of a call: what its caller, the log and the traces know it by."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

#: The metadata that brings it, and takes it back.
HEADER = "x-request-id"

#: What a caller may choose; anything else would be another's text in our log.
ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,64}")

_request: ContextVar[str] = ContextVar("reverie_request", default="")


def begin(wanted: str | None) -> str:
    """Name the call that begins, as its caller wants if that can be; return the name."""
    name = wanted if wanted is not None and ALLOWED.fullmatch(wanted) else uuid.uuid4().hex
    _request.set(name)
    return name


def current() -> str:
    """Return the name of the call in progress; empty outside of one."""
    return _request.get()


def trailers() -> tuple[tuple[str, str], ...]:
    """Return what the call ends with."""
    return ((HEADER, current()),) if current() else ()
