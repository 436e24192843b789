"""Values that describe a part of a spec: a kind and its numbers, such as ``fourier(decay_power=1.5)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from reverie_proto import sizes
from reverie_proto.options import Problem, choices, write
from reverie_proto.short_repr import MOST_OF_A_VALUE, shortened


@dataclass(frozen=True, repr=False)
class Value:
    """A message with a oneof ``kind``: the kind, and the fields that were given; the server has defaults for others."""

    kind: str
    fields: tuple[tuple[str, Any], ...] = ()

    #: The full name of the message.
    MESSAGE: ClassVar[str]

    @classmethod
    def of(cls, kind: str, **fields: Any) -> Self:
        """Return the value of a kind; a field that is None is left to the server."""
        return cls(kind, tuple((name, _frozen(value)) for name, value in fields.items() if value is not None))

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the value into its message; return the values that a field cannot hold."""
        part, place = getattr(message, self.kind), f"{at}.{self.kind}."
        part.SetInParent()
        return [problem for name, value in self.fields for problem in write(part, name, value, at=place)]

    @classmethod
    def from_message(cls, message: Any) -> Self | None:
        """Return the value of a message; None if it is of no kind that this version knows."""
        if (kind := message.WhichOneof("kind")) is None:
            return None
        part = getattr(message, kind)
        return cls.of(kind, **{field.name: _read(field, getattr(part, field.name)) for field in _given(part)})

    def __str__(self) -> str:
        numbers = ", ".join(f"{name}={shortened(value)}" for name, value in self.fields)
        return f"{self.kind}({numbers})" if len(numbers) <= MOST_OF_A_VALUE else f"{self.kind}(...)"

    __repr__ = __str__


class Parametrization(Value):
    """How a picture is stored while it is optimised; `reverie.parametrizations` makes them."""

    MESSAGE = "reverie.v1.Parametrization"


class Magnitude(Value):
    """The magnitude of a spectrum; `reverie.parametrizations` makes them."""

    MESSAGE = "reverie.v1.Magnitude"


class Transform(Value):
    """A random transform of the picture; `reverie.transforms` makes them."""

    MESSAGE = "reverie.v1.Transform"


class RandomNumber(Value):
    """A random number of a transform; `reverie.transforms.one_of` and ``between`` make them."""

    MESSAGE = "reverie.v1.RandomNumber"


class Schedule(Value):
    """How the learning rate changes; `reverie.schedules` makes them."""

    MESSAGE = "reverie.v1.Schedule"


class Optimizer(Value):
    """How the gradient changes the picture; `reverie.optimizers` makes them."""

    MESSAGE = "reverie.v1.Optimizer"


class Region(Value):
    """The positions of a layer that count; `reverie.regions` makes them."""

    MESSAGE = "reverie.v1.Region"


@dataclass(frozen=True, repr=False)
class Penalty:
    """A property of the picture that is subtracted, times its weight; `reverie.penalties` makes them."""

    kind: str
    weight: float | None = None
    constant: float | None = None

    MESSAGE: ClassVar[str] = "reverie.v1.Penalty"

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the penalty into its message; return the values that a field cannot hold."""
        numbers = {"kind": self.kind, "weight": self.weight, "constant": self.constant}
        given = {name: value for name, value in numbers.items() if value is not None}
        return [problem for name, value in given.items() for problem in write(message, name, value, at=f"{at}.")]

    @classmethod
    def from_message(cls, message: Any) -> Penalty:
        """Return the penalty of a message."""
        fields = {field.name: _read(field, value) for field, value in message.ListFields()}
        return cls(str(fields.get("kind", "")), fields.get("weight"), fields.get("constant"))

    def __str__(self) -> str:
        constant = "" if self.constant is None else f", constant={self.constant:g}"
        return f"{self.kind}({1.0 if self.weight is None else self.weight:g}{constant})"

    __repr__ = __str__


#: The values of messages inside others.
INNER: Mapping[str, type[Value]] = {kind.MESSAGE: kind for kind in (Magnitude, RandomNumber)}


def _frozen(value: Any) -> Any:
    """Return a list or an array as a tuple, so that values can be compared and hashed."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _given(message: Message) -> list[Any]:
    """Return the fields that are set, and those of plain numbers, for which 0 looks as if it were not."""
    present = {field.name for field, _ in message.ListFields()}

    def is_plain(field: Any) -> bool:
        return not field.has_presence and isinstance(getattr(message, field.name), str | float | int)

    return [field for field in message.DESCRIPTOR.fields if field.name in present or is_plain(field)]


def _read(field: FieldDescriptor, value: Any) -> Any:
    """Return the value of a field as a caller would give it."""
    if field.message_type is None:
        if field.enum_type is not None:
            return next((name for name, number in choices(field.enum_type).items() if number == value), str(value))
        return value if isinstance(value, str | bytes | int | float) else tuple(value)
    name = field.message_type.full_name
    if name in INNER:
        return INNER[name].from_message(value)
    if name == "reverie.v1.Size":
        return sizes.from_message(value)
    if name == "reverie.v1.NumberRange":
        return value.low, value.high
    if name == "reverie.v1.ColourBasis":
        if value.WhichOneof("kind") == "matrix":
            return tuple(value.matrix.values)
        named = value.DESCRIPTOR.fields_by_name["named"]
        return _read(named, value.named)
    raise KeyError(f"the field {field.full_name} is of a type that this version does not know")
