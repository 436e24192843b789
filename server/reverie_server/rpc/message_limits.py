"""Limits the length of texts, bytes and lists in every request.

The limits apply to all fields, including future ones, and are checked before any code reads the fields. The meaning of
a field is checked in `reverie_server.request`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from reverie_server.errors import InvalidRequest, Violation
from reverie_server.request.validation import MAX_VIOLATIONS, STOPPED

#: The most bytes of a text in UTF-8, and of a bytes field.
MAX_TEXT_BYTES = 1024
#: The most entries of a list.
MAX_ENTRIES = 1024
#: The limits of fields that need more, by full name.
EXCEPTIONS = {
    # One number for each channel of a layer; AlexNet's and VGG's flattened layers have 25,088.
    "reverie.v1.DirectionObjective.vector": 65_536,
    "reverie.v1.CosineObjective.vector": 65_536,
    "reverie.v1.DivergenceObjective.probabilities": 65_536,
    # Whole activations, masks and magnitudes: as many numbers as a request of the largest size can hold.
    "reverie.v1.MatchObjective.activation": 250_000,
    "reverie.v1.Mask.weights": 250_000,
    "reverie.v1.MeasuredMagnitude.values": 250_000,
}

TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def check(request: Message) -> None:
    """Raise InvalidRequest if any field is too long, naming all of them up to `MAX_VIOLATIONS`."""
    if wrong := list(islice(_violations(request, ""), MAX_VIOLATIONS)):
        raise InvalidRequest([*wrong, STOPPED] if len(wrong) == MAX_VIOLATIONS else wrong)


def _violations(message: Message, path: str) -> Iterator[Violation]:
    for field, value in message.ListFields():
        where = f"{path}{field.name}"
        if _is_list(field):
            most = EXCEPTIONS.get(field.full_name, MAX_ENTRIES)
            if len(value) > most:
                yield Violation(where, f"has {len(value)} entries; at most {most} are taken")
                continue
            named = [(f"{where}[{i}]", each) for i, each in enumerate(value)] if _has_length(field) else []
        else:
            named = [(where, value)]
        for place, each in named:
            yield from _of_value(field, each, place)


def _of_value(field: FieldDescriptor, value: Any, where: str) -> Iterator[Violation]:
    if isinstance(value, Message):
        if not _has_length(field):
            return
        yield from _violations(value, f"{where}.")
    elif field.type in TEXTS:
        most, size = (
            EXCEPTIONS.get(field.full_name, MAX_TEXT_BYTES),
            len(value.encode() if isinstance(value, str) else value),
        )
        if size > most:
            yield Violation(where, f"has {size} bytes; at most {most} are taken")


@cache
def _has_length(field: FieldDescriptor) -> bool:
    """Return whether a value of a field is a text, or a message in which there may be a text or a list."""
    return field.type in TEXTS if field.message_type is None else _holds_length(field.message_type, ())


def _holds_length(kind: Descriptor, around: tuple[Descriptor, ...]) -> bool:
    return any(
        _is_list(field)
        or field.type in TEXTS
        or (
            field.message_type is not None
            and field.message_type not in around
            and _holds_length(field.message_type, (*around, kind))
        )
        for field in kind.fields
    )


def _is_list(field: FieldDescriptor) -> bool:
    """Return whether a field is repeated; newer releases of protobuf have `is_repeated`, older ones only `label`."""
    try:
        return bool(field.is_repeated)
    except AttributeError:
        return bool(getattr(field, "label") == 3)  # noqa: B009 - LABEL_REPEATED, unknown to the newer type stubs
