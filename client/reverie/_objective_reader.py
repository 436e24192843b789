"""Reads the messages of objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reverie_proto.options import choices
from reverie_proto.v1 import objective_pb2

from reverie import objective_kinds as kinds
from reverie.objective_kinds import Objective, Sum, Weighted
from reverie.values import Region

#: The objectives of one layer, whose attributes are the fields of their messages, by kind.
PLAIN: Mapping[str, type[Objective]] = {
    each.KIND: each
    for each in (
        kinds.Channel,
        kinds.Neuron,
        kinds.WholeLayer,
        kinds.Direction,
        kinds.Cosine,
        kinds.Match,
        kinds.Divergence,
        kinds.Diversity,
        kinds.Alignment,
    )
}
#: The objectives of a class, whose ``target`` is an index or a label, by kind.
CLASSES: Mapping[str, type[Objective]] = {
    each.KIND: each for each in (kinds.Logit, kinds.Probability, kinds.CrossEntropy)
}


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
    if kind in CLASSES:
        target = getattr(value, value.WhichOneof("class") or "index")
        return CLASSES[kind](target, value.layer if value.HasField("layer") else None)  # type: ignore[call-arg]
    if kind in PLAIN:
        return PLAIN[kind](**{each.name: _field(value, each) for each in value.DESCRIPTOR.fields})
    raise KeyError("the objective is missing, or of a kind that this version does not know")


def _field(message: Any, field: Any) -> Any:
    """Return the value of a field as a caller gives it; None for an optional one that is absent."""
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.enum_type is not None:
        return next((name for name, number in choices(field.enum_type).items() if number == value), str(value))
    return value if isinstance(value, str | int | float) else tuple(value)
