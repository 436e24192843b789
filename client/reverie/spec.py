"""What to render: the typed form of the wire's ``RenderSpec``, and the way there and back."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from reverie_proto.v1 import spec_pb2

from reverie import objectives
from reverie.errors import Details, InvalidRequest, UsageError, Violation

PNG_KEY = "reverie"
DIGEST_KEY = "reverie-digest"
MAKER_KEY = "reverie-maker"


@dataclass(frozen=True)
class Spec:
    """A picture to make, or that was made: None leaves a choice to the server.

    The spec of a :class:`Rendering` has every choice filled in and the model pinned by digest: rendering it again gives
    the same picture, and ``dataclasses.replace(rendering.spec, seed=1)`` its sibling.
    """

    model: str
    objective: objectives.Objective
    model_digest: str | None = None
    size: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    preset: str | None = None
    parametrization: str | None = None
    transforms: str | None = None
    schedule: str | None = None

    def to_json(self) -> str:
        """The spec as the wire's JSON, one line: what a PNG of ours carries."""
        return json_format.MessageToJson(to_message(self), preserving_proto_field_name=True, indent=None)

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """The spec of a JSON text; UsageError when it is none."""
        try:
            return from_message(json_format.Parse(text, spec_pb2.RenderSpec()))
        except (json_format.ParseError, KeyError) as error:
            raise UsageError(f"This text is no spec of a picture: {error}") from error

    @classmethod
    def of_picture(cls, path: str | Path) -> Spec:
        """The spec that a PNG file of ours was made from; UsageError when the file carries none."""
        from PIL import Image

        with Image.open(path) as image:
            text = image.info.get(PNG_KEY)
        if text is None:
            raise UsageError(f"{path} does not say how it was made: only PNG files written by Reverie do.")
        return cls.from_json(text)


# The attribute of Spec, the field of RenderSpec, and the type that a value is brought to.
SCALARS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("model", "model", str),
    ("model_digest", "model_digest", str),
    ("size", "size_px", operator.index),
    ("steps", "steps", operator.index),
    ("learning_rate", "learning_rate", float),
    ("seed", "seed", operator.index),
    ("preset", "preset", str),
)

# The attribute (also the field's name) and the prefix of its enum's constants.
CHOICES: tuple[tuple[str, Any], ...] = (
    ("parametrization", spec_pb2.Parametrization),
    ("transforms", spec_pb2.Transforms),
    ("schedule", spec_pb2.Schedule),
)


def to_message(spec: Spec) -> spec_pb2.RenderSpec:
    """The wire's form of a spec; InvalidRequest lists every value that it cannot hold."""
    message = spec_pb2.RenderSpec()
    violations = []
    for attribute, field, cast in SCALARS:
        if (value := getattr(spec, attribute)) is not None:
            try:
                setattr(message, field, cast(value))
            except (TypeError, ValueError, OverflowError) as error:
                violations.append(Violation(f"spec.{field}", f"{value!r} cannot be sent: {error}"))
    for attribute, enum in CHOICES:
        if (value := getattr(spec, attribute)) is not None:
            try:
                setattr(message, attribute, enum.Value(f"{attribute}_{value}".upper()))
            except ValueError:
                violations.append(
                    Violation(f"spec.{attribute}", f"{value!r} is none of {', '.join(choices(attribute, enum))}")
                )
    try:
        message.objective.CopyFrom(_objective_to_message(spec.objective))
    except (TypeError, ValueError, OverflowError) as error:
        violations.append(Violation("spec.objective", f"{spec.objective!r} cannot be sent: {error}"))
    if violations:
        raise InvalidRequest("The spec was not sent.", Details(violations=tuple(violations)))
    return message


def from_message(message: spec_pb2.RenderSpec) -> Spec:
    """The typed form of the wire's spec."""
    values = {attribute: getattr(message, field) for attribute, field, _ in SCALARS if _has(message, field)}
    for attribute, enum in CHOICES:
        if message.HasField(attribute):
            values[attribute] = enum.Name(getattr(message, attribute)).removeprefix(f"{attribute}_".upper()).lower()
    return Spec(objective=_objective_from_message(message.objective), **values)


def choices(attribute: str, enum: Any) -> list[str]:
    """The values that an attribute of a spec can take, as they are written here."""
    names = [name.removeprefix(f"{attribute}_".upper()).lower() for name, _ in enum.items()]
    return [name for name in names if name != "unspecified"]


def _has(message: spec_pb2.RenderSpec, field: str) -> bool:
    return field == "model" or message.HasField(field)  # the model is required, so the wire tracks no presence


def _objective_to_message(objective: objectives.Objective) -> spec_pb2.Objective:
    match objective:
        case objectives.Channel(layer, channel):
            return spec_pb2.Objective(channel=spec_pb2.ChannelObjective(layer=layer, channel=channel))
        case objectives.Neuron(layer, channel, y, x):
            return spec_pb2.Objective(neuron=spec_pb2.NeuronObjective(layer=layer, channel=channel, y=y, x=x))
        case objectives.WholeLayer(layer):
            return spec_pb2.Objective(layer=spec_pb2.LayerObjective(layer=layer))
        case objectives.Direction(layer, vector, power):
            return spec_pb2.Objective(
                direction=spec_pb2.DirectionObjective(layer=layer, vector=vector, cosine_power=power)
            )
        case objectives.Logit(str() as label, layer):
            return spec_pb2.Objective(logit=spec_pb2.LogitObjective(layer=layer, label=label))
        case objectives.Logit(int() as index, layer):
            return spec_pb2.Objective(logit=spec_pb2.LogitObjective(layer=layer, index=index))
        case objectives.Sum(terms):
            return spec_pb2.Objective(
                sum=spec_pb2.SumObjective(
                    terms=[
                        spec_pb2.WeightedObjective(objective=_objective_to_message(t.objective), weight=t.weight)
                        for t in terms
                    ]
                )
            )
    raise TypeError("it is no objective; reverie.channel, neuron, layer, direction and logit make them")


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
