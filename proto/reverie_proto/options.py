"""The options of a render by their Python names, and the conversion of their values into messages.

The client and the engine share this table and the check of which values a field can hold. Each value that a field
cannot hold becomes a `Problem`, so that an error can list all of them at once. Whether a value makes sense is checked
by the server.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, MutableSequence, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, TypedDict, runtime_checkable

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from reverie_proto.scalars import INTEGERS, LARGEST, integer, real, shown, text
from reverie_proto.short_forms import SHORT_FORMS


class SpecOptions(TypedDict, total=False):
    """The options that describe a picture, except for its objective. The server has a default for each.

    =============== ===================================================================================================
    size            pixels of a square's side, or (height, width) (the model's native size; 224 if that is unknown)
    steps           steps of gradient ascent (the preset's)
    seed            seed of the initial noise and of the random transforms (0: equal requests give equal pictures)
    learning_rate   step size of Adam (the preset's)
    preset          name of a preset, which supplies the options that are left out ("reverie")
    parametrization how the picture is stored: a name such as "fourier", or one of `reverie.parametrizations`
    transforms      the name of a set such as "lucid" or "none", or a list of `reverie.transforms`
    schedule        schedule of the step size: a name such as "one_cycle", or one of `reverie.schedules`
    optimizer       a name such as "adam", or one of `reverie.optimizers`
    views           how many views of the picture, each with transforms of its own, the network sees at each step
    view_size       the size that the network sees, if it is not the picture's own
    penalties       what is subtracted from the objective: a list of `reverie.penalties`, or {name: weight}
    pictures        the size of a group, which is rendered together (1)
    best_of         try so many seeds, and return the picture with the highest activation (1)
    stop_at         end as soon as the activation reaches this number
    importance      also return how much each pixel mattered (False)
    robustness      also return the activation under 64 draws of the transforms, over the activation (False)
    alpha           also optimise an alpha channel: what does not excite becomes transparent (False)
    =============== ===================================================================================================
    """

    size: int | tuple[int, int]
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str | Writable
    transforms: str | Sequence[Writable]
    schedule: str | Writable
    optimizer: str | Writable
    views: int
    view_size: int | tuple[int, int]
    penalties: Sequence[Writable] | Mapping[str, float]
    pictures: int
    best_of: int
    stop_at: float
    importance: bool
    robustness: bool
    alpha: bool


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
    "optimizer": "spec.optimizer",
    "views": "spec.views",
    "view_size": "spec.view_size",
    "penalties": "spec.penalties",
    "pictures": "spec.pictures",
    "best_of": "spec.best_of",
    "stop_at": "spec.stop_at",
    "importance": "spec.importance",
    "robustness": "spec.robustness",
    "alpha": "spec.alpha",
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
    "reverie.v1.Parametrization": "one of reverie.parametrizations",
    "reverie.v1.Schedule": "one of reverie.schedules",
    "reverie.v1.Optimizer": "one of reverie.optimizers",
    "reverie.v1.Transform": "a transform: reverie.transforms makes them",
    "reverie.v1.Penalty": "a penalty: reverie.penalties makes them",
    "reverie.v1.Region": "a region: reverie.regions makes them",
    "reverie.v1.Magnitude": "a magnitude: reverie.parametrizations.power_law and measured make them",
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
    is_list = isinstance(target, MutableSequence) or hasattr(target, "add")
    # An option replaces what a spec says, also where that is a list or has fields of its own.
    if target if is_list else field.message_type and message.HasField(name):
        message.ClearField(name)
        target = getattr(message, name)
    if field.message_type and is_list:
        return _write_messages(target, field, value, at=at + path)
    if field.message_type and isinstance(value, Writable) and field.message_type.full_name == value.MESSAGE:
        return value.write_to(target, at=at + path)
    if field.message_type and field.message_type.full_name == "reverie.v1.Transforms" and _is_list(value):
        target.SetInParent()
        return write(target, "steps", value, at=f"{at}{path}.")
    if not is_list:
        problem = _set(message, field, value)
        return [Problem(at + path, problem)] if problem else []
    if (fast := _numbers(field, value)) is not None:
        target.extend(fast)
        return []
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


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _numbers(field: FieldDescriptor, value: object) -> list[float] | None:
    """Return the numbers of an array or of a list of floats for a field of float32, all at once.

    None if any is not valid: the slow way names each that is wrong.
    """
    if field.cpp_type != FieldDescriptor.CPPTYPE_FLOAT:
        return None
    array: Any = value
    if getattr(array, "ndim", 0) == 1 and array.dtype.kind in "fiu":
        array = array.tolist() if array.size <= MOST_ELEMENTS else None
    if not isinstance(array, list | tuple) or len(array) > MOST_ELEMENTS or not {*map(type, array)} <= {float, int}:
        return None
    largest = LARGEST[FieldDescriptor.CPPTYPE_FLOAT]
    return list(array) if all(-largest <= number <= largest for number in array) else None  # NaN compares as false


def _write_messages(target: Any, field: FieldDescriptor, value: object, *, at: str) -> list[Problem]:
    """Write a list of values into a list of messages; of penalties also {name: weight}."""
    assert field.message_type is not None
    kind = field.message_type.full_name
    if isinstance(value, Mapping) and kind == "reverie.v1.Penalty":
        problems = []
        for i, (name, weight) in enumerate(value.items()):
            penalty, place = target.add(), f"{at}[{i}]."
            problems += write(penalty, "kind", name, at=place) + write(penalty, "weight", weight, at=place)
        return problems
    if not _is_list(value):
        return [Problem(at, f"{shown(value)} is not a list")]
    if len(value) > MOST_ELEMENTS:  # type: ignore[arg-type]  # it is a sequence
        return [Problem(at, f"{shown(value)} holds more than {MOST_ELEMENTS} elements")]
    problems = []
    for i, element in enumerate(value):  # type: ignore[arg-type, var-annotated]
        if len(problems) >= MOST_PROBLEMS:
            break
        if isinstance(element, Writable) and kind == element.MESSAGE:
            problems += element.write_to(target.add(), at=f"{at}[{i}]")
        elif isinstance(element, Message) and element.DESCRIPTOR.full_name == kind:
            target.add().CopyFrom(element)
        else:
            problems.append(Problem(f"{at}[{i}]", f"{shown(element)} is not {GIVEN.get(kind, f'a message {kind}')}"))
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
        part, known = getattr(message, field.name), field.message_type.full_name
        if isinstance(value, type(part)):
            part.CopyFrom(value)
            return None
        if known in SHORT_FORMS:
            if not (problem := SHORT_FORMS[known](part, value)) or known not in GIVEN:
                return problem
            wrong, nearest, names = problem.partition("; the nearest: ")
            return f"{wrong}, or {GIVEN[known]}{nearest}{names}"
        return f"{shown(value)} is not {GIVEN.get(known, f'a message {known}')}"
    try:
        setattr(message, field.name, _converted(field, value))
    except ValueError as error:
        return str(error)
    return None


def _converted(field: FieldDescriptor, value: object) -> Any:
    """Convert a value to what protobuf accepts; raise ValueError with the problem if the field cannot hold it."""
    if field.enum_type is not None:
        known = choices(field.enum_type)
        if not isinstance(value, str) or str(value) not in known:
            raise ValueError(f"{shown(value)} is not one of {', '.join(known)}")
        return known[str(value)]
    if field.cpp_type in INTEGERS:
        return integer(value, *INTEGERS[field.cpp_type])
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not True or False")
        return value
    if field.cpp_type in LARGEST:
        return real(value, LARGEST[field.cpp_type])
    assert field.type == FieldDescriptor.TYPE_STRING, f"no option sets a field such as {field.full_name}"
    return text(value)


#: The largest number of elements of a list, and of problems that are reported for one list.
MOST_ELEMENTS = 2**20
MOST_PROBLEMS = 10
