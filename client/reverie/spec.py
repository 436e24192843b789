"""The description of a picture to render: a typed form of the message ``RenderSpec``, and conversions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from reverie_proto import sizes
from reverie_proto.options import FIELDS, Problem, SpecOptions, choices, shown, write
from reverie_proto.v1 import size_pb2, spec_pb2

from reverie import objectives
from reverie.errors import UsageError, refuse

PNG_KEY = "reverie"
DIGEST_KEY = "reverie-digest"
MAKER_KEY = "reverie-maker"


@dataclass(frozen=True)
class Spec:
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
    refuse("The spec was not sent.", write_spec(message, spec))
    return message


def write_spec(message: spec_pb2.RenderSpec, spec: Spec) -> list[Problem]:
    """Write a spec into its message, and return the values that a field cannot hold."""
    problems = write_objective(message.objective, spec.objective)
    for attribute, field in ATTRIBUTES.items():
        if (value := getattr(spec, attribute)) is not None:
            problems += write(message, field, value, at="spec.")
    return problems


def from_message(message: spec_pb2.RenderSpec) -> Spec:
    """Convert a message to a spec."""
    values: dict[str, Any] = {"model": message.model}  # required, so the field has no presence
    for attribute, field in ATTRIBUTES.items():
        if attribute != "model" and message.HasField(field):
            values[attribute] = _named(message, field)
    return Spec(objective=_objective_from_message(message.objective), **values)


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


# ----- objectives: the attributes of each class have the names of its message's fields -----

KINDS: Mapping[type, str] = {
    objectives.Channel: "channel",
    objectives.Neuron: "neuron",
    objectives.WholeLayer: "layer",
    objectives.Direction: "direction",
}


def write_objective(message: spec_pb2.Objective, objective: object, *, at: str = "spec.objective") -> list[Problem]:
    """Write an objective into its message, and return the values that a field cannot hold."""
    match objective:
        case objectives.Sum(terms):
            problems = []
            for i, term in enumerate(terms):
                weighted = message.sum.terms.add()
                problems += write(weighted, "weight", term.weight, at=f"{at}.sum.terms[{i}].")
                problems += write_objective(weighted.objective, term.objective, at=f"{at}.sum.terms[{i}].objective")
            return problems
        case objectives.Logit(target, layer):
            return _write_fields(message.logit, {"layer": layer, _class(target): target}, f"{at}.logit.")
        case objectives.Objective() if type(objective) in KINDS:
            kind = KINDS[type(objective)]
            return _write_fields(getattr(message, kind), vars(objective), f"{at}.{kind}.")
    makers = "reverie.channel, neuron, layer, direction and logit make them"
    return [Problem(at, f"{shown(objective)} is not an objective; {makers}")]


def _class(target: object) -> str:
    return "label" if isinstance(target, str) else "index"


def _write_fields(message: Message, values: Mapping[str, object], at: str) -> list[Problem]:
    """Write values into fields by name; None leaves an optional field out."""
    message.SetInParent()
    optional = {name for name, field in message.DESCRIPTOR.fields_by_name.items() if field.has_presence}
    given = {name: value for name, value in values.items() if value is not None or name not in optional}
    return [problem for name, value in given.items() for problem in write(message, name, value, at=at)]


def _objective_from_message(message: spec_pb2.Objective) -> objectives.Objective:
    kind = message.WhichOneof("kind")
    value: Any = getattr(message, kind or "channel")
    match kind:
        case "channel":
            return objectives.Channel(value.layer, value.channel)
        case "neuron":
            return objectives.Neuron(value.layer, value.channel, _optional(value, "y"), _optional(value, "x"))
        case "layer":
            return objectives.WholeLayer(value.layer)
        case "direction":
            return objectives.Direction(value.layer, tuple(value.vector), _optional(value, "cosine_power"))
        case "logit":
            return objectives.Logit(getattr(value, value.WhichOneof("class") or "index"), _optional(value, "layer"))
        case "sum":
            return objectives.Sum(
                tuple(
                    objectives.Weighted(t.weight if t.HasField("weight") else 1.0, _objective_from_message(t.objective))
                    for t in value.terms
                )
            )
    raise KeyError("the objective is missing, or of a kind that this version does not know")


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None
