"""The description of a picture to render: a typed form of the message ``RenderSpec``, and conversions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from google.protobuf import json_format
from reverie_proto import sizes
from reverie_proto.options import FIELDS, Problem, SpecOptions, Writable, write
from reverie_proto.short_repr import ShortRepr
from reverie_proto.v1 import spec_pb2, transform_pb2

from reverie import objectives, values
from reverie._objective_reader import read_objective
from reverie._old_specs import translated
from reverie.errors import UsageError, refuse

PNG_KEY = "reverie"
DIGEST_KEY = "reverie-digest"
MAKER_KEY = "reverie-maker"


@dataclass(frozen=True, repr=False)
class Spec(ShortRepr):
    """A description of a picture: its model, its objective, and options; None leaves an option to the server.

    ``size`` is the side of a square or (height, width), in pixels. The spec of a :class:`Rendering` has every option
    filled in, the size as (height, width), and the model pinned by digest. Rendering it again gives the same picture;
    ``dataclasses.replace(rendering.spec, seed=1)`` describes a variant.
    """

    model: str
    objective: objectives.Objective
    model_digest: str | None = None
    size: int | tuple[int, int] | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    preset: str | None = None
    parametrization: str | Writable | None = None
    transforms: str | Sequence[Writable] | None = None
    schedule: str | Writable | None = None
    optimizer: str | Writable | None = None
    views: int | None = None
    view_size: int | tuple[int, int] | None = None
    penalties: Sequence[Writable] | Mapping[str, float] | None = None
    pictures: int | None = None
    best_of: int | None = None
    stop_at: float | None = None
    importance: bool | None = None
    robustness: bool | None = None
    alpha: bool | None = None

    MESSAGE: ClassVar[str] = "reverie.v1.RenderSpec"

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the spec into its message; return the values that a field cannot hold."""
        problems = write(message, "objective", self.objective, at=f"{at}.")
        for attribute, field in ATTRIBUTES.items():
            if (value := getattr(self, attribute)) is not None:
                problems += write(message, field, value, at=f"{at}.")
        return problems

    def to_json(self) -> str:
        """Return the spec as one line of protobuf JSON, which is also what PNG files of Reverie contain."""
        return json_format.MessageToJson(to_message(self), preserving_proto_field_name=True, indent=None)

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Parse a spec from JSON; raise UsageError if the text is not a spec."""
        try:
            return from_message(json_format.Parse(translated(text), spec_pb2.RenderSpec()))
        except (json_format.ParseError, TypeError, ValueError, KeyError, RecursionError) as error:
            raise UsageError(f"This text is not the spec of a picture: {error}") from error

    @classmethod
    def of_picture(cls, path: str | Path) -> Spec:
        """Read the spec from a PNG file of Reverie; raise UsageError if the file contains none."""
        from PIL import Image

        with Image.open(path) as image:
            text = image.info.get(PNG_KEY)
        if text is None:
            raise UsageError(f"{path} does not say how it was made: only PNG files written by Reverie do.")
        return cls.from_json(text)


# The attributes of Spec, except for its objective, and the field of RenderSpec for each.
ATTRIBUTES: Mapping[str, str] = {
    "model": "model",
    "model_digest": "model_digest",
    **{name: FIELDS[name].removeprefix("spec.") for name in SpecOptions.__annotations__},
}


def to_message(spec: Spec) -> spec_pb2.RenderSpec:
    """Convert a spec to its message; raise InvalidRequest with every value that a field cannot hold."""
    message = spec_pb2.RenderSpec()
    refuse("The spec was not sent.", spec.write_to(message, at="spec"))
    return message


def from_message(message: spec_pb2.RenderSpec) -> Spec:
    """Convert a message to a spec."""
    objective = read_objective(message.objective)
    return Spec(message.model, objective, **options_of(message))


def options_of(message: spec_pb2.RenderSpec) -> dict[str, Any]:
    """Return the options that a message gives, without its model and objective."""
    given: dict[str, Any] = {}
    for attribute, field in ATTRIBUTES.items():
        if attribute == "penalties":
            if message.penalties:
                given[attribute] = tuple(map(values.Penalty.from_message, message.penalties))
        elif attribute != "model" and message.HasField(field):
            given[attribute] = READERS.get(attribute, lambda value: value)(getattr(message, field))
    return given


def transforms_of(steps: Iterable[transform_pb2.Transform]) -> tuple[values.Transform, ...]:
    """Return transforms, without those of a kind that this version does not know."""
    made = map(values.Transform.from_message, steps)
    return tuple(step for step in made if step is not None)


def _transforms(message: transform_pb2.Transforms) -> str | tuple[values.Transform, ...]:
    if message.HasField("set"):
        return message.set
    return transforms_of(message.steps)


#: How the attributes that are messages are read.
READERS: Mapping[str, Callable[[Any], Any]] = {
    "size": sizes.from_message,
    "view_size": sizes.from_message,
    "parametrization": values.Parametrization.from_message,
    "transforms": _transforms,
    "schedule": values.Schedule.from_message,
    "optimizer": values.Optimizer.from_message,
}
