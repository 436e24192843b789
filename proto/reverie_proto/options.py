"""The options of a render by their Python names, and the conversion of their values into messages.

The client and the engine share this table and the check of which values a field can hold. Each value that a field
cannot hold becomes a `Problem`, so that an error can list all of them at once. Whether a value makes sense is checked
by the server.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Collection, Mapping, MutableSequence, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Protocol, TypedDict, runtime_checkable

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from reverie_proto.v1 import size_pb2


class SpecOptions(TypedDict, total=False):
    """The options that describe a picture, except for its objective. The server has a default for each.

    =============== ===================================================================================================
    size            pixels of a square's side, or (height, width) (the model's native size; 224 if that is unknown)
    steps           steps of gradient ascent (the preset's)
    seed            seed of the initial noise and of the random transforms (0: equal requests give equal pictures)
    learning_rate   step size of Adam (the preset's)
    preset          name of a preset, which supplies the options that are left out ("reverie")
    parametrization "fourier" or "pixel" (the preset's)
    transforms      "none" or "lucid" (the preset's)
    schedule        schedule of the step size: "constant" or "one_cycle" (the preset's)
    =============== ===================================================================================================
    """

    size: int | tuple[int, int]
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str
    transforms: str
    schedule: str


class DeliveryOptions(SpecOptions, total=False):
    """The options of `SpecOptions`, and those that say which intermediate pictures to send and how to render.

    ============== ====================================================================================================
    frames_every   make a frame at every n-th step
    frames_at      make frames after these numbers of steps; 0 is the initial noise
    frame_size     scale frames down until their longer side has this many pixels
    priority       "interactive", or "batch", which yields to the others ("interactive")
    cache          use of the store of finished pictures: "use", "bypass" (always render) or "only" (never render)
                   ("use")
    ============== ====================================================================================================
    """

    frames_every: int
    frames_at: Sequence[int]
    frame_size: int
    priority: str
    cache: str


#: Each option and the field that it sets, as a path in a RenderImageRequest or StreamRenderRequest.
FIELDS: Mapping[str, str] = {
    "spec": "spec",  # first, because the others change parts of it
    "model": "spec.model",
    "objective": "spec.objective",
    "size": "spec.size",
    "steps": "spec.steps",
    "seed": "spec.seed",
    "learning_rate": "spec.learning_rate",
    "preset": "spec.preset",
    "parametrization": "spec.parametrization",
    "transforms": "spec.transforms",
    "schedule": "spec.schedule",
    "format": "format",
    "frames_every": "frames.every_steps",
    "frames_at": "frames.steps",
    "frame_size": "frames.max_size_px",
    "frame_format": "frames.format",
    "progress_every": "progress_every_steps",
    "priority": "priority",
    "cache": "cache",
}


#: The messages that options hold, and what a caller gives for one.
GIVEN = {
    "reverie.v1.Objective": "an objective: reverie.channel, neuron, layer, direction and logit make them",
    "reverie.v1.RenderSpec": "a spec: a reverie.Spec, or a message reverie.v1.RenderSpec",
}


class Problem(NamedTuple):
    """A value that a field cannot hold: the field's path, and a sentence with the value and what is allowed."""

    field: str
    description: str


@runtime_checkable
class Writable(Protocol):
    """A value that is written into a message of one type, such as an objective; both client and engine take it."""

    #: The full name of the message's type.
    MESSAGE: ClassVar[str]

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the value into a message, which is the field ``at``; return the values that a field cannot hold."""


def write(message: Message, path: str, value: object, *, at: str = "") -> list[Problem]:
    """Set a field of a message, and return the problems with the value; an empty list if there are none.

    ``path`` leads from the message to the field, such as "spec.steps"; ``at`` is put before it in a problem. An enum
    is given by its name ("fourier" for PARAMETRIZATION_FOURIER), a list by any collection, a number by any number,
    including numpy's scalars, and a size by the side of a square or by (height, width). A field with a problem is not
    set; of a list, only the valid elements are.
    """
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    field: Any = message.DESCRIPTOR.fields_by_name[name]
    target = getattr(message, name)
    if field.message_type and isinstance(value, Writable) and field.message_type.full_name == value.MESSAGE:
        return value.write_to(target, at=at + path)
    if not isinstance(target, MutableSequence):
        problem = _set(message, field, value)
        return [Problem(at + path, problem)] if problem else []
    try:
        if isinstance(value, str | bytes | bytearray | Mapping) or not isinstance(value, Collection):
            raise TypeError
        if len(value) > MOST_ELEMENTS:
            raise OverflowError
        elements = list(value)
    except TypeError:  # also raised by len() of numpy's arrays without dimensions
        return [Problem(at + path, f"{shown(value)} is not a list")]
    except OverflowError:
        return [Problem(at + path, f"{shown(value)} holds more than {MOST_ELEMENTS} elements")]
    problems: list[Problem] = []
    for i, element in enumerate(elements):
        if len(problems) == MOST_PROBLEMS:
            break
        try:
            target.append(_converted(field, element))
        except ValueError as error:
            problems.append(Problem(f"{at}{path}[{i}]", str(error)))
    return problems


def write_channel(objective: Message, layer: object, channel: object, *, at: str = "") -> list[Problem]:
    """Write the objective for a layer and a channel: a number, also one in digits, or the label of a class."""
    channel = channel_of(channel)
    kind, name = ("logit", "label") if isinstance(channel, str) else ("channel", "channel")
    getattr(objective, kind).SetInParent()
    return write(objective, f"{kind}.layer", layer, at=at) + write(objective, f"{kind}.{name}", channel, at=at)


def channel_of(channel: Any) -> Any:
    """Return the number that a text of digits stands for, and any other channel as it is."""
    return int(channel) if isinstance(channel, str) and re.fullmatch("-?[0-9]{1,18}", channel) else channel


@cache
def choices(enum: EnumDescriptor) -> Mapping[str, int]:
    """Return the values of an enum by their Python names: lower case, without the enum's name as prefix."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}


def _set(message: Message, field: FieldDescriptor, value: object) -> str | None:
    """Set a field that holds one value, or return the problem with the value."""
    if field.message_type is not None:
        part = getattr(message, field.name)
        if field.message_type is size_pb2.Size.DESCRIPTOR and not isinstance(value, size_pb2.Size):
            return _set_size(part, value)
        if not isinstance(value, type(part)):
            known = field.message_type.full_name
            return f"{shown(value)} is not {GIVEN.get(known, f'a message {known}')}"
        part.CopyFrom(value)
        return None
    try:
        setattr(message, field.name, _converted(field, value))
    except ValueError as error:
        return str(error)
    return None


def _set_size(part: size_pb2.Size, value: object) -> str | None:
    """Set a size, or return the problem with the value."""
    sides = value if isinstance(value, tuple | list) else (value, value)
    try:
        height, width = (_integer(side, *INTEGERS[FieldDescriptor.CPPTYPE_INT32]) for side in sides)
    except ValueError:  # also raised for another number of sides
        return f"{shown(value)} is not a size: a whole number of pixels for a square, or (height, width)"
    part.height_px, part.width_px = height, width
    return None


def _converted(field: FieldDescriptor, value: object) -> Any:
    """Convert a value to what protobuf accepts; raise ValueError with the problem if the field cannot hold it."""
    if field.enum_type is not None:
        known = choices(field.enum_type)
        if not isinstance(value, str) or str(value) not in known:
            raise ValueError(f"{shown(value)} is not one of {', '.join(known)}")
        return known[str(value)]
    if field.cpp_type in INTEGERS:
        return _integer(value, *INTEGERS[field.cpp_type])
    if field.cpp_type in LARGEST:
        return _real(value, LARGEST[field.cpp_type])
    assert field.type == FieldDescriptor.TYPE_STRING, f"no option sets a field such as {field.full_name}"
    return _text(value)


#: The largest number of elements of a list, and of problems that are reported for one list.
MOST_ELEMENTS = 2**20
MOST_PROBLEMS = 10

#: The smallest and the largest number of each integer type.
INTEGERS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}

#: The largest number of each floating-point type.
LARGEST: Mapping[int, float] = {
    FieldDescriptor.CPPTYPE_FLOAT: (2 - 2**-23) * 2.0**127,
    FieldDescriptor.CPPTYPE_DOUBLE: math.inf,
}


def _integer(value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{shown(value)} is not a whole number")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{shown(number)} is not in {low}..{high}")
    return number


def _real(value: object, largest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not a finite number")
    if abs(number) > largest:
        raise ValueError(f"{shown(value)} is not in -{largest:.4g}..{largest:.4g}")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(value)} holds characters that UTF-8 has not") from None
    return value


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """Return a short text on one line for a caller's value, for use in an error message."""
    try:
        text = " ".join(_SHORT.repr(value).split())
    except Exception:  # the caller's class may raise anything; Python refuses to print integers of thousands of digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:117]}..."
