"""Checks the objective of a request and fills in its defaults."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from reverie_proto.sizes import Size, described
from reverie_proto.v1 import catalog_pb2, objective_pb2

from reverie_server.request.fields import Choice, Fields, Number, check_finite, fill
from reverie_server.request.picture_size import problem_with_layer
from reverie_server.request.region_spec import complete_region, recipe_region
from reverie_server.request.validation import Violations, unknown

if TYPE_CHECKING:  # importing it loads onnx
    from reverie_ascent.models.repository import Model

#: The kinds of objectives.
KINDS = [field.name for field in objective_pb2.Objective.DESCRIPTOR.oneofs_by_name["kind"].fields]
#: Those that combine others, and those that compare the pictures of a group.
COMBINATIONS = ("sum", "product", "interpolation")
OF_GROUP = ("diversity", "alignment", "interpolation")
#: Those whose positions a region can choose.
WITH_REGION = ("channel", "layer", "direction", "logit", "cosine", "probability", "cross_entropy", "divergence")

MAX_WEIGHT = 1_000_000
MAX_COSINE_POWER = 100
MAX_FACTORS = 8


@dataclass(frozen=True)
class ObjectiveContext:
    """The model and the limits that an objective is checked against."""

    model: Model
    #: The height and width that the network sees; None if they are invalid.
    size: Size | None
    max_terms: int
    #: The number of pictures of the group.
    pictures: int
    violations: Violations
    #: The field of the size that the network sees.
    size_field: str = "spec.size"

    def grid(self, layer: catalog_pb2.Layer) -> Grid | None:
        """Return the positions of a layer; None if the size is invalid or does not fit it, which is a violation."""
        if self.size is None or problem_with_layer(self.size, layer):
            return None
        height, width = self.model.grid(layer.name, self.size) if layer.spatial else (1, 1)
        return Grid(height, width, described(self.size))


class Grid(NamedTuple):
    """The positions of a layer, and the size of the picture in words."""

    height: int
    width: int
    at: str


def complete(
    objective: objective_pb2.Objective, context: ObjectiveContext, path: str, *, within: str | None = None
) -> None:
    """Fill in an objective's defaults in place, and add its violations to those of the context.

    `path` is the path of the objective in the request, and `within` the kind of the combination it is a part of.
    """
    kind, allowed = objective.WhichOneof("kind"), _allowed(within)
    if kind is None:
        context.violations.add(path, f"is required: one of {', '.join(allowed)}")
        return
    if kind not in allowed:
        instead = " list its terms in the outer one" if within == kind else f" one of {', '.join(allowed)} can"
        context.violations.add(f"{path}.{kind}", f"{_a(kind)} cannot be a part of {_a(str(within))};{instead}")
        return
    if kind in OF_GROUP and context.pictures == 1:
        problem = f"{kind} is for a group of pictures; set spec.pictures to 2 or more"
        context.violations.add(f"{path}.{kind}", problem)
    COMPLETE[kind](getattr(objective, kind), context, f"{path}.{kind}")
    if objective.HasField("region"):
        _region(objective, kind, context, f"{path}.region")


def _region(objective: objective_pb2.Objective, kind: str, context: ObjectiveContext, path: str) -> None:
    if kind not in WITH_REGION:
        context.violations.add(path, f"does not go with {kind}; it goes with {', '.join(WITH_REGION)}")
        return
    complete_region(objective.region, context.violations, path)
    if context.violations.has(path):
        return
    for layer in layers(objective, context.model):
        grid = context.grid(layer)
        if grid and not recipe_region(objective.region).of_positions(grid.height, grid.width).any():
            problem = (
                f"selects no position of layer {layer.name!r}, which has {grid.height} x {grid.width} at"
                f" {grid.at} px: a box selects those whose centre lies inside"
            )
            context.violations.add(path, problem)


def _allowed(within: str | None) -> list[str]:
    """Return the kinds of objectives that may stand in a combination."""
    if within is None:
        return KINDS
    if within == "sum":
        return [kind for kind in KINDS if kind != "sum"]
    return [kind for kind in KINDS if kind not in (*COMBINATIONS, *OF_GROUP)]


def parts(objective: objective_pb2.Objective) -> list[objective_pb2.Objective]:
    """Return the objectives that a combination combines, or the objective itself."""
    match objective.WhichOneof("kind"):
        case "sum":
            return [part for term in objective.sum.terms for part in parts(term.objective)]
        case "product":
            return [part for factor in objective.product.factors for part in parts(factor)]
        case "interpolation":
            return [*parts(getattr(objective.interpolation, "from")), *parts(objective.interpolation.to)]
        case _:
            return [objective]


def layers(objective: objective_pb2.Objective, model: Model) -> list[catalog_pb2.Layer]:
    """Return the layers that an objective names, without those that the model does not have."""
    found = []
    for part in parts(objective):
        if (kind := part.WhichOneof("kind")) is None:
            continue
        goal = getattr(part, kind)
        if kind in CLASSES and not goal.HasField("layer"):
            found.append(model.manifest.layers[-1].layer)
            continue
        with suppress(KeyError):  # `complete` reports it
            found.append(model.layers[model.resolve(goal.layer)].layer)
    return found


#: The objectives of a class of a classifier.
CLASSES = ("logit", "probability", "cross_entropy")


def _channel(goal: objective_pb2.ChannelObjective, context: ObjectiveContext, path: str) -> None:
    if layer := _layer(goal, context, path):
        _check_channel(goal.channel, layer, context, f"{path}.channel")


def _neuron(goal: objective_pb2.NeuronObjective, context: ObjectiveContext, path: str) -> None:
    if not (layer := _layer(goal, context, path)):
        return
    _check_channel(goal.channel, layer, context, f"{path}.channel")
    if not layer.spatial:
        context.violations.add(f"{path}.layer", f"layer {layer.name!r} has no positions; ask for its channel instead")
    elif grid := context.grid(layer):
        for axis, count in (("y", grid.height), ("x", grid.width)):
            if not goal.HasField(axis):
                setattr(goal, axis, count // 2)
            because = f", the grid of layer {layer.name!r} at {grid.at} px"
            context.violations.check_range(f"{path}.{axis}", getattr(goal, axis), 0, count - 1, because=because)


def _layer_objective(goal: objective_pb2.LayerObjective, context: ObjectiveContext, path: str) -> None:
    _layer(goal, context, path)


def _direction(goal: objective_pb2.DirectionObjective, context: ObjectiveContext, path: str) -> None:
    fill(goal, path, {"cosine_power": Number(0, MAX_COSINE_POWER, 0)}, context.violations)
    _vector(goal, "vector", context, path)


def _cosine(goal: objective_pb2.CosineObjective, context: ObjectiveContext, path: str) -> None:
    _vector(goal, "vector", context, path)


def _vector(goal: Any, name: str, context: ObjectiveContext, path: str) -> catalog_pb2.Layer | None:
    """Check the layer, and that a vector has a finite number for each of its channels, not all 0."""
    vector = getattr(goal, name)
    if check_finite(vector, f"{path}.{name}", context.violations) and vector and not any(vector):
        problem = "all of its numbers are 0; at least one must not be"
        context.violations.add(f"{path}.{name}", problem)
    layer = _layer(goal, context, path)
    if layer and len(vector) != layer.channels:
        context.violations.add(
            f"{path}.{name}",
            f"has {len(vector)} numbers; layer {layer.name!r} needs {layer.channels}, one for each channel",
        )
    return layer


def _match(goal: objective_pb2.MatchObjective, context: ObjectiveContext, path: str) -> None:
    fields: Fields = {"similarity": Choice("l2"), "cosine_power": Number(0, MAX_COSINE_POWER, 0)}
    fill(goal, path, fields, context.violations)
    if goal.cosine_power and goal.similarity != objective_pb2.SIMILARITY_DOT_COSINE:
        context.violations.add(f"{path}.cosine_power", "goes with the similarity dot_cosine only")
    finite = check_finite(goal.activation, f"{path}.activation", context.violations)
    if goal.similarity != objective_pb2.SIMILARITY_L2 and finite and goal.activation and not any(goal.activation):
        problem = "all of its numbers are 0, which has no direction; use the similarity l2"
        context.violations.add(f"{path}.activation", problem)
    layer, count = _layer(goal, context, path), len(goal.activation)
    if layer is None or (grid := context.grid(layer)) is None:
        return
    whole = layer.channels * grid.height * grid.width
    if count not in (layer.channels, whole):
        shape = f"{layer.channels} x {grid.height} x {grid.width}"
        problem = f"has {count} numbers; layer {layer.name!r} needs {layer.channels}, one for each channel, or {whole}"
        context.violations.add(f"{path}.activation", f"{problem} ({shape}) at {grid.at} px")


def _divergence(goal: objective_pb2.DivergenceObjective, context: ObjectiveContext, path: str) -> None:
    _vector(goal, "probabilities", context, path)
    if any(number < 0 for number in goal.probabilities):
        context.violations.add(f"{path}.probabilities", "has negative numbers; a probability is at least 0")


def _product(goal: objective_pb2.ProductObjective, context: ObjectiveContext, path: str) -> None:
    if context.violations.check_range(f"{path}.factors", len(goal.factors), 2, MAX_FACTORS, because=" factors"):
        for i, factor in enumerate(goal.factors):
            complete(factor, context, f"{path}.factors[{i}]", within="product")


def _interpolation(goal: objective_pb2.InterpolationObjective, context: ObjectiveContext, path: str) -> None:
    for name in ("from", "to"):
        complete(getattr(goal, name), context, f"{path}.{name}", within="interpolation")


def _diversity(goal: objective_pb2.DiversityObjective, context: ObjectiveContext, path: str) -> None:
    fill(goal, path, {"form": Choice("lucid")}, context.violations)
    _layer(goal, context, path)


def _alignment(goal: objective_pb2.AlignmentObjective, context: ObjectiveContext, path: str) -> None:
    fill(goal, path, {"decay": Number(1, 100, 2)}, context.violations)
    _layer(goal, context, path)


def _logit(goal: Any, context: ObjectiveContext, path: str) -> None:
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


def _sum(goal: objective_pb2.SumObjective, context: ObjectiveContext, path: str) -> None:
    if not context.violations.check_range(f"{path}.terms", len(goal.terms), 1, context.max_terms, because=" terms"):
        return
    if (count := sum(_parts(term.objective) for term in goal.terms)) > context.max_terms:
        problem = f"have {count} parts with those of products and interpolations; at most {context.max_terms} can be"
        context.violations.add(f"{path}.terms", problem)
    for i, term in enumerate(goal.terms):
        if not term.HasField("weight"):
            term.weight = 1.0
        context.violations.check_range(f"{path}.terms[{i}].weight", term.weight, -MAX_WEIGHT, MAX_WEIGHT)
        if term.weight == 0:
            context.violations.add(f"{path}.terms[{i}].weight", "0 asks for nothing; leave the term out")
        complete(term.objective, context, f"{path}.terms[{i}].objective", within="sum")


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in tuple("aeiou") else f"a {kind}"


def _parts(objective: objective_pb2.Objective) -> int:
    """Return how many objectives of single layers a term is made of."""
    kind = objective.WhichOneof("kind")
    return {"product": max(1, len(objective.product.factors)), "interpolation": 2}.get(kind or "", 1)


COMPLETE: dict[str, Callable[[Any, ObjectiveContext, str], None]] = {
    "channel": _channel,
    "neuron": _neuron,
    "layer": _layer_objective,
    "direction": _direction,
    "logit": _logit,
    "probability": _logit,
    "cross_entropy": _logit,
    "cosine": _cosine,
    "match": _match,
    "divergence": _divergence,
    "sum": _sum,
    "product": _product,
    "interpolation": _interpolation,
    "diversity": _diversity,
    "alignment": _alignment,
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
        context.violations.add(context.size_field, problem)
    return layer


def _check_channel(channel: int, layer: catalog_pb2.Layer, context: ObjectiveContext, path: str) -> None:
    because = f", the channels of layer {layer.name!r}"
    context.violations.check_range(path, channel, 0, layer.channels - 1, because=because)
