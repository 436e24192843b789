"""Pages of lists, and the tokens that request the next page (AIP-158)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from reverie_server.errors import shown
from reverie_server.request.validation import Violations

MAX_PAGE = 100

Item = TypeVar("Item")


class Paged(Protocol):
    """A request for a page."""

    page_size: int
    page_token: str


def page(items: Sequence[Item], request: Paged, *, scope: str) -> tuple[Sequence[Item], str]:
    """Return the requested page and the token of the next one, which is empty after the last page.

    A token is valid only for the list that it came with, which `scope` names. Raises InvalidRequest for a negative size
    or an invalid token.
    """
    start, size = begin(request, scope=scope)
    end = start + size
    return items[start:end], token(end, scope=scope) if end < len(items) else ""


def begin(request: Paged, *, scope: str) -> tuple[int, int]:
    """Return the number in a request's token, 0 without one, and the number of items to return."""
    violations = Violations()
    violations.check_range("page_size", request.page_size, 0, 2**31 - 1, because="; 0 stands for 100, and so does more")
    start = _start(request.page_token, scope) if request.page_token else 0
    if start is None:
        problem = f"{shown(request.page_token)} does not come from a page of this list; leave it empty"
        violations.add("page_token", problem)
    violations.raise_if_any()
    assert start is not None
    return start, min(request.page_size or MAX_PAGE, MAX_PAGE)


def token(start: int, *, scope: str) -> str:
    """Return the token of a number."""
    check = hashlib.sha256(scope.encode()).hexdigest()[:8]
    return base64.urlsafe_b64encode(f"{check}:{start}".encode()).decode()


def _start(text: str, scope: str) -> int | None:
    try:
        number = base64.urlsafe_b64decode(text.encode()).decode().partition(":")[2]
    except (binascii.Error, UnicodeError):
        return None
    if not number.isdecimal() or len(number) > 9 or token(int(number), scope=scope) != text:
        return None
    return int(number)
