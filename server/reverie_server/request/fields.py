"""Fills in and checks the fields of a message by a table: a default and a range for each number, flag and choice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from reverie_proto.options import choices

from reverie_server.errors import shown
from reverie_server.request.validation import Violations


@dataclass(frozen=True)
class Number:
    """A number from ``low`` to ``high``; without a default it is required."""

    low: float
    high: float
    default: float | None = None


@dataclass(frozen=True)
class Flag:
    """A truth value."""

    default: bool = False


@dataclass(frozen=True)
class Choice:
    """A value of an enum; ``default`` is its Python name, such as "normal"."""

    default: str


Fields = Mapping[str, Number | Flag | Choice]


def fill(message: Message, path: str, fields: Fields, violations: Violations) -> None:
    """Set each field that is absent to its default, and add a violation for each value outside of its range."""
    for name, field in fields.items():
        value = getattr(message, name)
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        absent = descriptor.has_presence and not message.HasField(name)
        match field:
            case Choice(default):
                known = choices(descriptor.enum_type)
                if not value:  # absent or UNSPECIFIED, which mean the same
                    setattr(message, name, known[default])
                elif value not in known.values():
                    listed = ", ".join(f"{number} ({each})" for each, number in known.items())
                    violations.add(f"{path}.{name}", f"{value} is not one of {listed}")
            case Flag(default):
                if absent:
                    setattr(message, name, default)
            case Number(low, high, default_number):
                if absent and default_number is not None:
                    setattr(message, name, default_number)
                else:
                    violations.check_range(f"{path}.{name}", value, low, high)


def one_of(message: Message, path: str, violations: Violations) -> str | None:
    """Return which field of the oneof ``kind`` is set; add a violation if none is."""
    kind: str | None = message.WhichOneof("kind")
    if kind is None:
        known = ", ".join(field.name for field in message.DESCRIPTOR.oneofs_by_name["kind"].fields)
        violations.add(path, f"is required: one of {known}")
    return kind


def check_finite(numbers: Sequence[float], path: str, violations: Violations) -> bool:
    """Return whether all numbers are finite; add a violation with the index of the first that is not."""
    wrong = [i for i, number in enumerate(numbers) if not math.isfinite(number)]
    if wrong:
        first = f"the first at index {wrong[0]}: {numbers[wrong[0]]:g}"
        violations.add(path, f"{len(wrong)} numbers are not finite, {first}")
    return not wrong


def check_ordered(message: Any, path: str, violations: Violations) -> None:
    """Add a violation if ``low`` is more than ``high``."""
    if message.low > message.high:
        violations.add(path, f"low {shown(message.low)} is more than high {shown(message.high)}")


def choice_name(message: Message, name: str) -> str:
    """Return the Python name of the value of an enum field that has been checked."""
    value, known = getattr(message, name), choices(message.DESCRIPTOR.fields_by_name[name].enum_type)
    return next(each for each, number in known.items() if number == value)


def plain(number: float) -> float:
    """Return the shortest decimal number that a float32 stands for: 0.01 rather than 0.009999999776482582."""
    return float(f"{number:.7g}")
