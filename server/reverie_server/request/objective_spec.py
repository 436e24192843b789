"""Checks the objective of a request, fills in its defaults, and translates it to the terms of a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from reverie_ascent.recipe import Kind, Term
from reverie_proto.sizes import Size, described
from reverie_proto.v1 import catalog_pb2, spec_pb2

from reverie_server.request.picture_size import problem_with_layer
from reverie_server.request.validation import Violations, unknown

if TYPE_CHECKING:  # importing it loads onnx
    from reverie_ascent.models.repository import Model

#: The kinds of objectives.
KINDS = [field.name for field in spec_pb2.Objective.DESCRIPTOR.fields]

MAX_WEIGHT = 1_000_000
MAX_COSINE_POWER = 100


@dataclass(frozen=True)
class ObjectiveContext:
    """The model and the limits that an objective is checked against."""

    model: Model
    #: The picture's height and width; None if they are invalid.
    size: Size | None
    max_terms: int
    violations: Violations


def complete(objective: spec_pb2.Objective, context: ObjectiveContext, path: str, *, nested: bool = False) -> None:
    """Fill in an objective's defaults in place, and add its violations to those of the context.

    `path` is the path of the objective in the request.
    """
    kind = objective.WhichOneof("kind")
    if kind is None:
        allowed = [each for each in KINDS if not (nested and each == "sum")]
        context.violations.add(path, f"is required: one of {', '.join(allowed)}")
    elif kind == "sum" and nested:
        context.violations.add(f"{path}.sum", "a sum cannot be a term of a sum; list its terms in the outer one")
    else:
        COMPLETE[kind](getattr(objective, kind), context, f"{path}.{kind}")


def layers(objective: spec_pb2.Objective, model: Model) -> list[catalog_pb2.Layer]:
    """Return the layers that an objective names, without those that the model does not have."""
    kind = objective.WhichOneof("kind")
    if kind is None:
        return []
    goal = getattr(objective, kind)
    if kind == "sum":
        return [layer for term in goal.terms for layer in layers(term.objective, model)]
    if kind == "logit" and not goal.HasField("layer"):
        return [model.manifest.layers[-1].layer]
    try:
        return [model.layers[model.resolve(goal.layer)].layer]
    except KeyError:  # `complete` reports it
        return []


def _channel(goal: spec_pb2.ChannelObjective, context: ObjectiveContext, path: str) -> None:
    if layer := _layer(goal, context, path):
        _check_channel(goal.channel, layer, context, f"{path}.channel")


def _neuron(goal: spec_pb2.NeuronObjective, context: ObjectiveContext, path: str) -> None:
    if not (layer := _layer(goal, context, path)):
        return
    _check_channel(goal.channel, layer, context, f"{path}.channel")
    if not layer.spatial:
        context.violations.add(f"{path}.layer", f"layer {layer.name!r} has no positions; ask for its channel instead")
    elif context.size is not None and not problem_with_layer(context.size, layer):
        height, width = context.model.grid(layer.name, context.size)
        for axis, count in (("y", height), ("x", width)):
            if not goal.HasField(axis):
                setattr(goal, axis, count // 2)
            because = f", the grid of layer {layer.name!r} at {described(context.size)} px"
            context.violations.check_range(f"{path}.{axis}", getattr(goal, axis), 0, count - 1, because=because)


def _layer_objective(goal: spec_pb2.LayerObjective, context: ObjectiveContext, path: str) -> None:
    _layer(goal, context, path)


def _direction(goal: spec_pb2.DirectionObjective, context: ObjectiveContext, path: str) -> None:
    if not goal.HasField("cosine_power"):
        goal.cosine_power = 0.0
    context.violations.check_range(f"{path}.cosine_power", goal.cosine_power, 0, MAX_COSINE_POWER)
    not_finite = [i for i, number in enumerate(goal.vector) if not math.isfinite(number)]
    if not_finite:
        first = f"the first at index {not_finite[0]}: {goal.vector[not_finite[0]]:g}"
        context.violations.add(f"{path}.vector", f"{len(not_finite)} numbers are not finite, {first}")
    elif goal.vector and not any(goal.vector):
        context.violations.add(f"{path}.vector", "all of its numbers are 0; a direction needs at least one that is not")
    layer = _layer(goal, context, path)
    if layer and len(goal.vector) != layer.channels:
        context.violations.add(
            f"{path}.vector",
            f"has {len(goal.vector)} numbers; layer {layer.name!r} needs {layer.channels}, one for each channel",
        )


def _logit(goal: spec_pb2.LogitObjective, context: ObjectiveContext, path: str) -> None:
    last = context.model.manifest.layers[-1].layer
    if not goal.HasField("layer"):
        goal.layer = last.name
    if not (layer := _layer(goal, context, path)):
        return
    if layer.spatial:
        context.violations.add(
            f"{path}.layer", f"layer {layer.name!r} has no classes but positions; ask for its channel instead"
        )
    labels = list(context.model.manifest.labels) if layer.name == last.name else []
    chosen = goal.WhichOneof("class")
    if chosen is None:
        context.violations.add(path, "index or label is required")
    elif chosen == "index":
        _check_channel(goal.index, layer, context, f"{path}.index")
    elif not labels:
        context.violations.add(f"{path}.label", f"the classes of layer {layer.name!r} have no labels; give an index")
    elif goal.label not in labels:
        context.violations.add(f"{path}.label", unknown("class", goal.label, labels))
    else:
        goal.index = labels.index(goal.label)


def _sum(goal: spec_pb2.SumObjective, context: ObjectiveContext, path: str) -> None:
    if not context.violations.check_range(f"{path}.terms", len(goal.terms), 1, context.max_terms, because=" terms"):
        return
    for i, term in enumerate(goal.terms):
        if not term.HasField("weight"):
            term.weight = 1.0
        context.violations.check_range(f"{path}.terms[{i}].weight", term.weight, -MAX_WEIGHT, MAX_WEIGHT)
        if term.weight == 0:
            context.violations.add(f"{path}.terms[{i}].weight", "0 asks for nothing; leave the term out")
        complete(term.objective, context, f"{path}.terms[{i}].objective", nested=True)


COMPLETE: dict[str, Callable[[Any, ObjectiveContext, str], None]] = {
    "channel": _channel,
    "neuron": _neuron,
    "layer": _layer_objective,
    "direction": _direction,
    "logit": _logit,
    "sum": _sum,
}


def _layer(goal: Any, context: ObjectiveContext, path: str) -> catalog_pb2.Layer | None:
    """Return the layer that an objective names, and replace an alias in the objective by the layer's name."""
    layers = {entry.layer.name: entry.layer for entry in context.model.manifest.layers}
    aliases = {alias: layer.name for layer in layers.values() for alias in layer.aliases}
    if not goal.layer:
        context.violations.add(f"{path}.layer", "is required: the name of a layer, as ListLayers gives it")
        return None
    name = goal.layer if goal.layer in layers else aliases.get(goal.layer)
    if name is None:
        problem = unknown("layer", goal.layer, [*layers, *aliases]) + f" (model {context.model.name!r})"
        context.violations.add_not_served(f"{path}.layer", problem, kind="layer", name=goal.layer)
        return None
    goal.layer = name
    layer: catalog_pb2.Layer = layers[name]
    if context.size is not None and (problem := problem_with_layer(context.size, layer)):
        context.violations.add("spec.size", problem)
    return layer


def _check_channel(channel: int, layer: catalog_pb2.Layer, context: ObjectiveContext, path: str) -> None:
    because = f", the channels of layer {layer.name!r}"
    context.violations.check_range(path, channel, 0, layer.channels - 1, because=because)


# ----- from a complete objective to the terms of a recipe -----


def terms(objective: spec_pb2.Objective) -> tuple[Term, ...]:
    """Return the weighted terms of a complete objective."""
    if objective.WhichOneof("kind") == "sum":
        return tuple(_term(each.objective, each.weight) for each in objective.sum.terms)
    return (_term(objective, 1.0),)


def _term(objective: spec_pb2.Objective, weight: float) -> Term:
    kind = objective.WhichOneof("kind")
    assert kind is not None
    goal = getattr(objective, kind)
    defaults = {"channel": 0, "position": None, "vector": (), "cosine_power": 0.0}
    term_kind = cast("Kind", "channel" if kind == "logit" else kind)  # a logit is a channel without positions
    return Term(kind=term_kind, layer=goal.layer, weight=weight, **(defaults | TERM_FIELDS[kind](goal)))


#: The fields of a term that each kind sets, besides its layer.
TERM_FIELDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "channel": lambda goal: {"channel": goal.channel},
    "neuron": lambda goal: {"channel": goal.channel, "position": (goal.y, goal.x)},
    "layer": lambda goal: {},
    "direction": lambda goal: {"vector": tuple(goal.vector), "cosine_power": goal.cosine_power},
    "logit": lambda goal: {"channel": goal.index},
}
