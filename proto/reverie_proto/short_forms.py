"""Short forms of messages: what a caller may give instead of a message, such as a name or a pair of numbers.

Each function of the table writes a value into a message and returns the problem with it, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from reverie_proto.names import nearest
from reverie_proto.scalars import INTEGERS, LARGEST, integer, real, shown
from reverie_proto.v1 import parametrization_pb2

Write = Callable[[Any, object], str | None]


def _named_kind(message: Message, value: object) -> str | None:
    """Select a kind by its name, with all of its defaults."""
    known = [field.name for field in message.DESCRIPTOR.oneofs_by_name["kind"].fields]
    if not isinstance(value, str) or value not in known:
        near = (
            f"; the nearest: {', '.join(close)}" if isinstance(value, str) and (close := nearest(value, known)) else ""
        )
        return f"{shown(value)} is not one of {', '.join(known)}{near}"
    getattr(message, value).SetInParent()
    return None


def _named_set(message: Any, value: object) -> str | None:
    """Select a set of transforms by its name; the server knows which there are."""
    if not isinstance(value, str):
        return f"{shown(value)} is not the name of a set, or a list of transforms"
    message.set = value
    return None


def _size(message: Any, value: object) -> str | None:
    """Set the side of a square, or (height, width)."""
    sides = value if isinstance(value, tuple | list) else (value, value)
    try:
        height, width = (integer(side, *INTEGERS[FieldDescriptor.CPPTYPE_INT32]) for side in sides)
    except ValueError:  # also raised for another number of sides
        return f"{shown(value)} is not a size: a whole number of pixels for a square, or (height, width)"
    message.height_px, message.width_px = height, width
    return None


def _range(message: Any, value: object) -> str | None:
    """Set (low, high)."""
    try:
        low, high = map(_number, value)  # type: ignore[call-overload]  # anything else raises TypeError
    except (TypeError, ValueError):
        return f"{shown(value)} is not a range: (low, high)"
    message.low, message.high = low, high
    return None


def _random_number(message: Any, value: object) -> str | None:
    """Set a number that is always the same, or a range (low, high)."""
    if isinstance(value, tuple | list):
        return _range(message.range, value)
    try:
        message.set.values.append(_number(value))
    except ValueError:
        return f"{shown(value)} is not a random number: a number, (low, high), or reverie.transforms.one_of(...)"
    return None


def _colour(message: Any, value: object) -> str | None:
    """Set "lucid", "none", or a matrix of 9 numbers."""
    if isinstance(value, str):
        enum = parametrization_pb2.NamedColourBasis
        if value not in ("lucid", "none"):
            return f"{shown(value)} is not one of lucid, none, or a matrix of 9 numbers"
        message.named = enum.Value(f"NAMED_COLOUR_BASIS_{value.upper()}")
        return None
    try:
        rows = [row if hasattr(row, "__len__") else (row,) for row in value]  # type: ignore[attr-defined]
        message.matrix.values.extend(_number(number) for row in rows for number in row)
    except (TypeError, ValueError):
        return f"{shown(value)} is not one of lucid, none, or a matrix of 9 numbers"
    return None


def _number(value: object) -> float:
    return real(value, LARGEST[FieldDescriptor.CPPTYPE_FLOAT])


SHORT_FORMS: Mapping[str, Write] = {
    "reverie.v1.Size": _size,
    "reverie.v1.Parametrization": _named_kind,
    "reverie.v1.Schedule": _named_kind,
    "reverie.v1.Optimizer": _named_kind,
    "reverie.v1.Transforms": _named_set,
    "reverie.v1.NumberRange": _range,
    "reverie.v1.RandomNumber": _random_number,
    "reverie.v1.ColourBasis": _colour,
}
