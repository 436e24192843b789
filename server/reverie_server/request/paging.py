"""Pages of lists, bounded in entries and bytes, and the tokens that request the next page (AIP-158)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from reverie_server.errors import shown
from reverie_server.request.validation import Violations

MAX_PAGE = 100
#: The most bytes of a page's entries: a quarter of what gRPC clients accept by default, so that few pages take little
#: memory while they wait for their readers.
MAX_PAGE_BYTES = 2**20
#: The bytes that the list around an entry needs besides the entry.
FRAMING_BYTES = 8

Item = TypeVar("Item", bound=Message)


class Paged(Protocol):
    """A request for a page."""

    page_size: int
    page_token: str


def page(items: Sequence[Item], request: Paged, *, scope: str) -> tuple[Sequence[Item], str]:
    """Return the requested page and the token of the next one, which is empty after the last page.

    A page ends early, before the requested size, if it would be longer than `MAX_PAGE_BYTES`.

    A token is valid only for the list that it came with, which `scope` names. Raises InvalidRequest for a negative size
    or an invalid token.
    """
    start, size = begin(request, scope=scope)
    chosen, more = first(items[start:], size)
    return chosen, token(start + len(chosen), scope=scope) if more else ""


def first(entries: Iterable[Item], count: int) -> tuple[list[Item], bool]:
    """Return the first entries, those that a page of at most `count` holds, and whether there are more.

    An entry that is longer than a page is shortened.
    """
    chosen: list[Item] = []
    size = 0
    for entry in entries:
        short = shortened(entry, MAX_PAGE_BYTES - FRAMING_BYTES)
        size += short.ByteSize() + FRAMING_BYTES
        if len(chosen) == count or (chosen and size > MAX_PAGE_BYTES):
            return chosen, True
        chosen.append(short)
    return chosen, False


def shortened(entry: Item, most: int) -> Item:
    """Return an entry of at most `most` bytes: without its longest fields if it is longer."""
    if entry.ByteSize() <= most:
        return entry
    short = type(entry)()
    short.CopyFrom(entry)
    while short.ByteSize() > most:
        lengths = {field.name: _length_without(short, field.name) for field, _ in short.ListFields()}
        short.ClearField(min(lengths, key=lambda name: lengths[name]))
    return short


def _length_without(entry: Message, field: str) -> int:
    rest = type(entry)()
    rest.CopyFrom(entry)
    rest.ClearField(field)
    return rest.ByteSize()


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
