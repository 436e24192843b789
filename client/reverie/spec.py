"""The description of a picture to render: a typed form of the message ``RenderSpec``, and conversions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from google.protobuf import json_format
from reverie_proto import sizes
from reverie_proto.options import FIELDS, Problem, SpecOptions, choices, write
from reverie_proto.short_repr import ShortRepr
from reverie_proto.v1 import size_pb2, spec_pb2

from reverie import objectives
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
    parametrization: str | None = None
    transforms: str | None = None
    schedule: str | None = None

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
            return from_message(json_format.Parse(text, spec_pb2.RenderSpec()))
        except (json_format.ParseError, KeyError) as error:
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
    values: dict[str, Any] = {"model": message.model}  # required, so the field has no presence
    for attribute, field in ATTRIBUTES.items():
        if attribute != "model" and message.HasField(field):
            values[attribute] = _named(message, field)
    return Spec(objective=objectives.Objective.from_message(message.objective), **values)


def _named(message: spec_pb2.RenderSpec, field: str) -> Any:
    """Return the value of a field: (height, width) of a size.

    An enum gives its name, None if unspecified, its number if this version lacks it.
    """
    value, enum = getattr(message, field), message.DESCRIPTOR.fields_by_name[field].enum_type
    if isinstance(value, size_pb2.Size):
        return sizes.from_message(value)
    if enum is None:
        return value
    if not value:
        return None
    return next((name for name, number in choices(enum).items() if number == value), str(value))
