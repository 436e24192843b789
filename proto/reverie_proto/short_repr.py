"""Gives dataclasses a short repr: no arrays, no bytes, no screens of text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from enum import Enum
from typing import Any

from google.protobuf.message import Message

#: The most characters of a repr, and of one value in it.
MOST = 200
MOST_OF_A_VALUE = 60


class ShortRepr:
    """A base of dataclasses with ``repr=False``: shows the fields that fit in ``MOST`` characters.

    An array is shown by its type and shape, bytes by their number, a long collection by its length, and other long
    values by their beginning.
    """

    def __repr__(self) -> str:
        parts: list[str] = []
        room = MOST - len(type(self).__name__) - len("(, ...)")
        for field in fields(self):  # type: ignore[arg-type]  # each subclass is a dataclass
            if not field.repr:
                continue
            part = f"{field.name}={shortened(getattr(self, field.name))}"
            room -= len(part) + len(", ")
            if room < 0:
                parts.append("...")
                break
            parts.append(part)
        return f"{type(self).__name__}({', '.join(parts)})"


def shortened(value: Any) -> str:
    """Return a repr of at most ``MOST_OF_A_VALUE`` characters on one line."""
    if hasattr(value, "dtype") and getattr(value, "shape", None):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, Message):
        text = f"{value.DESCRIPTOR.name}({_beginning(value)})"
    elif isinstance(value, Enum) and isinstance(value, str):
        text = repr(str(value))
    elif isinstance(value, str):
        text = repr(value[: MOST_OF_A_VALUE + 1])
    elif isinstance(value, Collection) and len(value) > MOST_OF_A_VALUE:
        return f"<{len(value)} items>"
    else:
        text = " ".join(repr(value).split())
        if len(text) > MOST_OF_A_VALUE and isinstance(value, Collection):
            return f"<{len(value)} items>"
    return text if len(text) <= MOST_OF_A_VALUE else f"{text[: MOST_OF_A_VALUE - 3]}..."


def _beginning(message: Message) -> str:
    """Return the short fields of a message on one line; a long one is shown by its name only."""
    parts = []
    for field, value in message.ListFields():
        scalar = field.message_type is None and not isinstance(value, Collection)
        short = isinstance(value, str) and len(value) < MOST_OF_A_VALUE
        parts.append(f"{field.name}={value!r}" if scalar or short else f"{field.name}=...")
    return ", ".join(parts)
