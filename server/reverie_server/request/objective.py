"""From an objective as the caller wrote it to one with nothing left open: names, defaults and numbers settled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from reverie_ascent.recipe import Kind, Term
from reverie_proto.v1 import catalog_pb2, spec_pb2

from reverie_server.request.validation import Notes, unknown

if TYPE_CHECKING:  # it loads onnx
    from reverie_ascent.models.repository import Model

#: What an Objective may hold.
KINDS = [field.name for field in spec_pb2.Objective.DESCRIPTOR.fields]

MAX_WEIGHT = 1_000_000
MAX_COSINE_POWER = 100


@dataclass(frozen=True)
class Site:
    """Where an objective is to be excited: a model, and the picture's size, or None when that is wrong itself."""

    model: Model
    size_px: int | None
    max_terms: int
    notes: Notes


def complete(objective: spec_pb2.Objective, site: Site, path: str, *, nested: bool = False) -> None:
    """Fill in an objective's defaults in place and note what is wrong with it; `path` is its place in the request."""
    kind = objective.WhichOneof("kind")
    if kind is None:
        site.notes.wrong(path, f"is required: one of {', '.join(k for k in KINDS if not (nested and k == 'sum'))}")
    elif kind == "sum" and nested:
        site.notes.wrong(f"{path}.sum", "a sum cannot be a term of a sum; list its terms in the outer one")
    else:
        COMPLETE[kind](getattr(objective, kind), site, f"{path}.{kind}")


def _channel(goal: spec_pb2.ChannelObjective, site: Site, path: str) -> None:
    if layer := _layer(goal, site, path):
        _check_channel(goal.channel, layer, site, f"{path}.channel")


def _neuron(goal: spec_pb2.NeuronObjective, site: Site, path: str) -> None:
    if not (layer := _layer(goal, site, path)):
        return
    _check_channel(goal.channel, layer, site, f"{path}.channel")
    if not layer.spatial:
        site.notes.wrong(f"{path}.layer", f"layer {layer.name!r} has no positions; ask for its channel instead")
    elif site.size_px is not None and _fits(site.size_px, layer):
        height, width = site.model.grid(layer.name, site.size_px)
        for axis, count in (("y", height), ("x", width)):
            if not goal.HasField(axis):
                setattr(goal, axis, count // 2)
            because = f", the grid of layer {layer.name!r} at {site.size_px} px"
            site.notes.within(f"{path}.{axis}", getattr(goal, axis), 0, count - 1, because=because)


def _layer_objective(goal: spec_pb2.LayerObjective, site: Site, path: str) -> None:
    _layer(goal, site, path)


def _direction(goal: spec_pb2.DirectionObjective, site: Site, path: str) -> None:
    if not goal.HasField("cosine_power"):
        goal.cosine_power = 0.0
    site.notes.within(f"{path}.cosine_power", goal.cosine_power, 0, MAX_COSINE_POWER)
    odd = [i for i, number in enumerate(goal.vector) if not math.isfinite(number)]
    if odd:
        first = f"the first at index {odd[0]}: {goal.vector[odd[0]]:g}"
        site.notes.wrong(f"{path}.vector", f"{len(odd)} numbers are not finite, {first}")
    elif goal.vector and not any(goal.vector):
        site.notes.wrong(f"{path}.vector", "all of its numbers are 0; a direction needs at least one that is not")
    layer = _layer(goal, site, path)
    if layer and len(goal.vector) != layer.channels:
        site.notes.wrong(
            f"{path}.vector",
            f"has {len(goal.vector)} numbers; layer {layer.name!r} needs {layer.channels}, one for each channel",
        )


def _logit(goal: spec_pb2.LogitObjective, site: Site, path: str) -> None:
    last = site.model.manifest.layers[-1].layer
    if not goal.HasField("layer"):
        goal.layer = last.name
    if not (layer := _layer(goal, site, path)):
        return
    if layer.spatial:
        site.notes.wrong(
            f"{path}.layer", f"layer {layer.name!r} has no classes but positions; ask for its channel instead"
        )
    labels = list(site.model.manifest.labels) if layer.name == last.name else []
    chosen = goal.WhichOneof("class")
    if chosen is None:
        site.notes.wrong(path, "index or label is required")
    elif chosen == "index":
        _check_channel(goal.index, layer, site, f"{path}.index")
    elif not labels:
        site.notes.wrong(f"{path}.label", f"the classes of layer {layer.name!r} have no labels; give an index")
    elif goal.label not in labels:
        site.notes.wrong(f"{path}.label", unknown("class", goal.label, labels))
    else:
        goal.index = labels.index(goal.label)


def _sum(goal: spec_pb2.SumObjective, site: Site, path: str) -> None:
    if not site.notes.within(f"{path}.terms", len(goal.terms), 1, site.max_terms, because=" terms"):
        return
    for i, term in enumerate(goal.terms):
        if not term.HasField("weight"):
            term.weight = 1.0
        if site.notes.within(f"{path}.terms[{i}].weight", term.weight, -MAX_WEIGHT, MAX_WEIGHT) and term.weight == 0:
            site.notes.wrong(f"{path}.terms[{i}].weight", "0 asks for nothing; leave the term out")
        complete(term.objective, site, f"{path}.terms[{i}].objective", nested=True)


COMPLETE: dict[str, Callable[[Any, Site, str], None]] = {
    "channel": _channel,
    "neuron": _neuron,
    "layer": _layer_objective,
    "direction": _direction,
    "logit": _logit,
    "sum": _sum,
}


def _layer(goal: Any, site: Site, path: str) -> catalog_pb2.Layer | None:
    """Return the layer that an objective names, after writing its proper name into the objective."""
    layers = {entry.layer.name: entry.layer for entry in site.model.manifest.layers}
    aliases = {alias: layer.name for layer in layers.values() for alias in layer.aliases}
    if not goal.layer:
        site.notes.wrong(f"{path}.layer", "is required: the name of a layer, as ListLayers gives it")
        return None
    name = goal.layer if goal.layer in layers else aliases.get(goal.layer)
    if name is None:
        problem = unknown("layer", goal.layer, [*layers, *aliases]) + f" (model {site.model.name!r})"
        site.notes.absent(f"{path}.layer", problem, kind="layer", name=goal.layer)
        return None
    goal.layer = name
    layer: catalog_pb2.Layer = layers[name]
    if site.size_px is not None:
        _check_size(site.size_px, layer, site)
    return layer


def _check_channel(channel: int, layer: catalog_pb2.Layer, site: Site, path: str) -> None:
    site.notes.within(path, channel, 0, layer.channels - 1, because=f", the channels of layer {layer.name!r}")


def _fits(size_px: int, layer: catalog_pb2.Layer) -> bool:
    return size_px >= layer.min_size_px and size_px % max(1, layer.size_multiple_px) == 0


def _check_size(size_px: int, layer: catalog_pb2.Layer, site: Site) -> None:
    multiple = max(1, layer.size_multiple_px)
    if size_px < layer.min_size_px:
        site.notes.wrong(
            "spec.size_px", f"{size_px} is less than {layer.min_size_px}, the least for layer {layer.name!r}"
        )
    elif size_px % multiple:
        site.notes.wrong("spec.size_px", f"{size_px} is not a multiple of {multiple}, which layer {layer.name!r} needs")


# ----- from a complete objective to the core's words -----


def terms(objective: spec_pb2.Objective) -> tuple[Term, ...]:
    """Return the weighted terms of a complete objective."""
    if objective.WhichOneof("kind") == "sum":
        return tuple(_term(each.objective, each.weight) for each in objective.sum.terms)
    return (_term(objective, 1.0),)


def _term(objective: spec_pb2.Objective, weight: float) -> Term:
    kind = objective.WhichOneof("kind")
    assert kind is not None
    goal = getattr(objective, kind)
    nothing = {"channel": 0, "position": None, "vector": (), "cosine_power": 0.0}
    core_kind = cast("Kind", "channel" if kind == "logit" else kind)  # a logit is a channel without positions
    return Term(kind=core_kind, layer=goal.layer, weight=weight, **(nothing | PARTS[kind](goal)))


#: What each kind tells of itself beside its layer.
PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "channel": lambda goal: {"channel": goal.channel},
    "neuron": lambda goal: {"channel": goal.channel, "position": (goal.y, goal.x)},
    "layer": lambda goal: {},
    "direction": lambda goal: {"vector": tuple(goal.vector), "cosine_power": goal.cosine_power},
    "logit": lambda goal: {"channel": goal.index},
}
