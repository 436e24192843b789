"""The options of a render by the names that Python callers use, and the way from their values into messages.

The client and the engine share this one table, and one judgement of what a field can hold. A value that it cannot hold
becomes a `Problem`, so that a caller hears of all of them at once; what a server makes of the value is its own matter.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Collection, Mapping, MutableSequence, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any, NamedTuple, TypedDict

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message


class SpecOptions(TypedDict, total=False):
    """What describes a picture beside its objective. Whatever is left out is the server's default.

    =============== ===================================================================================================
    size            width and height in pixels (224)
    steps           steps of gradient ascent (the preset's)
    seed            of the first noise and of every random transform (0: the same request gives the same picture)
    learning_rate   step size of Adam (the preset's)
    preset          name of a preset, which supplies whatever is left out ("reverie")
    parametrization "fourier" or "pixel" (the preset's)
    transforms      "none" or "lucid" (the preset's)
    schedule        of the step size: "constant" or "one_cycle" (the preset's)
    =============== ===================================================================================================
    """

    size: int
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str
    transforms: str
    schedule: str


class DeliveryOptions(SpecOptions, total=False):
    """How a picture is made and what is told on the way, beside all of `SpecOptions`.

    ============== ====================================================================================================
    frames_every   make a frame at every n-th step
    frames_at      make frames after these numbers of steps; 0 is the first noise
    frame_size     scale frames down to this many pixels
    priority       "interactive", or "batch", which gives way to the others ("interactive")
    cache          of the store of finished pictures: "use", "bypass" (render in any case) or "only" (never render)
                   ("use")
    ============== ====================================================================================================
    """

    frames_every: int
    frames_at: Sequence[int]
    frame_size: int
    priority: str
    cache: str


#: Each option and the field that it sets, as a path from a RenderImageRequest or StreamRenderRequest.
FIELDS: Mapping[str, str] = {
    "spec": "spec",  # first: the others change it
    "model": "spec.model",
    "objective": "spec.objective",
    "size": "spec.size_px",
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


class Problem(NamedTuple):
    """A value that a field cannot hold: the field's path, and a sentence with the value and what is allowed."""

    field: str
    description: str


def write(message: Message, path: str, value: object, *, at: str = "") -> list[Problem]:
    """Set a field of a message, and return what is wrong with the value, if anything is.

    ``path`` leads from the message to the field, such as "spec.size_px"; ``at`` comes before it in a problem. A choice
    is given by its name ("fourier" for PARAMETRIZATION_FOURIER), a list by any collection, a number by any number,
    numpy's scalars included. Only a field without a problem is set; of a list the sound elements are.
    """
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    field: Any = message.DESCRIPTOR.fields_by_name[name]
    target = getattr(message, name)
    if not isinstance(target, MutableSequence):
        problem = _set(message, field, value)
        return [Problem(at + path, problem)] if problem else []
    try:
        if isinstance(value, str | bytes | bytearray | Mapping) or not isinstance(value, Collection):
            raise TypeError
        if len(value) > MOST_ELEMENTS:
            raise OverflowError
        elements = list(value)
    except TypeError:  # numpy's arrays without dimensions are collections of nothing
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
    """Write what "layer and channel" means into an Objective: a text is the label of a class, all else a channel."""
    kind, name = ("logit", "label") if isinstance(channel, str) else ("channel", "channel")
    getattr(objective, kind).SetInParent()
    return write(objective, f"{kind}.layer", layer, at=at) + write(objective, f"{kind}.{name}", channel, at=at)


@cache
def choices(enum: EnumDescriptor) -> Mapping[str, int]:
    """Return the values of an enum by the names that callers use: without its own name, in small letters."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}


def _set(message: Message, field: FieldDescriptor, value: object) -> str | None:
    """Set a field that holds one value; return the problem instead where it cannot."""
    if field.message_type is not None:
        part = getattr(message, field.name)
        if not isinstance(value, type(part)):
            return f"{shown(value)} is not a message {field.message_type.full_name}"
        part.CopyFrom(value)
        return None
    try:
        setattr(message, field.name, _converted(field, value))
    except ValueError as error:
        return str(error)
    return None


def _converted(field: FieldDescriptor, value: object) -> Any:
    """Return a value as protobuf takes it; raise ValueError, with the problem, where the field cannot hold it."""
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


#: The most elements that a list may have, and the most problems that are told of it.
MOST_ELEMENTS = 2**20
MOST_PROBLEMS = 10

#: The least and the largest number of each integer type.
INTEGERS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}

#: The largest number of each floating type.
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
    """Return a caller's value as it may stand in a sentence: on one line, and not long."""
    try:
        text = " ".join(_SHORT.repr(value).split())
    except Exception:  # of whatever the caller's own class does; and Python writes no integer of thousands of digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:117]}..."
