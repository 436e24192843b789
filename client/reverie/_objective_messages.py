"""Writes objectives into their messages, and reads them; the attributes have the names of the messages' fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from reverie_proto.options import GIVEN, Problem, choices, write
from reverie_proto.scalars import shown
from reverie_proto.v1 import objective_pb2

from reverie import objective_kinds as kinds
from reverie.objective_kinds import Objective, Sum, Weighted
from reverie.values import Region

#: The objectives of one layer, whose attributes are the fields of their messages.
PLAIN: Mapping[type[Objective], str] = {
    kinds.Channel: "channel",
    kinds.Neuron: "neuron",
    kinds.WholeLayer: "layer",
    kinds.Direction: "direction",
    kinds.Cosine: "cosine",
    kinds.Match: "match",
    kinds.Divergence: "divergence",
    kinds.Diversity: "diversity",
    kinds.Alignment: "alignment",
}
#: The objectives of a class, whose ``target`` is an index or a label.
CLASSES: Mapping[type[Objective], str] = {
    kinds.Logit: "logit",
    kinds.Probability: "probability",
    kinds.CrossEntropy: "cross_entropy",
}


def write_objective(message: objective_pb2.Objective, objective: Objective, at: str) -> list[Problem]:
    """Write an objective into its message; return the values that a field cannot hold."""
    problems = _write_kind(message, objective, at)
    if isinstance(objective, Objective) and objective.region is not None:
        problems += write(message, "region", objective.region, at=f"{at}.")
    return problems


def _write_kind(message: objective_pb2.Objective, objective: Objective, at: str) -> list[Problem]:
    match objective:
        case Sum(terms):
            problems = []
            for i, term in enumerate(terms):
                weighted, place = message.sum.terms.add(), f"{at}.sum.terms[{i}]."
                problems += write(weighted, "weight", term.weight, at=place)
                problems += write(weighted, "objective", term.objective, at=place)
            return problems
        case kinds.Product(factors):
            return [
                problem
                for i, factor in enumerate(factors)
                for problem in _write_part(message.product.factors.add(), factor, f"{at}.product.factors[{i}]")
            ]
        case kinds.Interpolation(start, end):
            parts = message.interpolation
            return _write_part(getattr(parts, "from"), start, f"{at}.interpolation.from") + _write_part(
                parts.to, end, f"{at}.interpolation.to"
            )
        case Objective() if type(objective) in CLASSES:
            kind, target = CLASSES[type(objective)], objective.target  # type: ignore[attr-defined]
            named = "label" if isinstance(target, str) else "index"
            fields = {"layer": objective.layer, named: target}  # type: ignore[attr-defined]
            return _write_fields(getattr(message, kind), fields, f"{at}.{kind}.")
        case Objective() if type(objective) in PLAIN:
            kind = PLAIN[type(objective)]
            values = {name: value for name, value in vars(objective).items() if name != "region"}
            return _write_fields(getattr(message, kind), values, f"{at}.{kind}.")
    return [Problem(at, f"{shown(objective)} is not {GIVEN[Objective.MESSAGE]}")]


def _write_part(message: objective_pb2.Objective, objective: object, at: str) -> list[Problem]:
    """Write a part of a combination."""
    if not isinstance(objective, Objective):
        return [Problem(at, f"{shown(objective)} is not {GIVEN[Objective.MESSAGE]}")]
    return write_objective(message, objective, at)


def _write_fields(message: Message, values: Mapping[str, object], at: str) -> list[Problem]:
    """Write values into fields by name; None leaves an optional field out."""
    message.SetInParent()
    optional = {name for name, field in message.DESCRIPTOR.fields_by_name.items() if field.has_presence}
    given = {name: value for name, value in values.items() if value is not None or name not in optional}
    return [problem for name, value in given.items() for problem in write(message, name, value, at=at)]


def read_objective(message: objective_pb2.Objective) -> Objective:
    """Return the objective of a message; raise KeyError if this version does not know its kind."""
    region = Region.from_message(message.region) if message.HasField("region") else None
    objective = _read_kind(message)
    return objective if region is None else objective.in_region(region)


def _read_kind(message: objective_pb2.Objective) -> Objective:
    kind = message.WhichOneof("kind")
    value: Any = getattr(message, kind or "channel")
    if kind == "sum":
        terms = ((t.weight if t.HasField("weight") else 1.0, read_objective(t.objective)) for t in value.terms)
        return Sum(tuple(Weighted(weight, term) for weight, term in terms))
    if kind == "product":
        return kinds.Product(tuple(map(read_objective, value.factors)))
    if kind == "interpolation":
        return kinds.Interpolation(read_objective(getattr(value, "from")), read_objective(value.to))
    for made, name in CLASSES.items():
        if name == kind:
            target = getattr(value, value.WhichOneof("class") or "index")
            return made(target, _optional(value, "layer"))  # type: ignore[call-arg]
    for made, name in PLAIN.items():
        if name == kind:
            return made(**{each.name: _field(value, each) for each in value.DESCRIPTOR.fields})
    raise KeyError("the objective is missing, or of a kind that this version does not know")


def _field(message: Any, field: Any) -> Any:
    """Return the value of a field as a caller gives it; None for an optional one that is absent."""
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.enum_type is not None:
        return next((name for name, number in choices(field.enum_type).items() if number == value), str(value))
    return value if isinstance(value, str | int | float) else tuple(value)


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None
