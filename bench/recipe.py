"""The recipe whose steps are measured: a channel with the default preset."""

from __future__ import annotations

import dataclasses

from reverie_ascent.models.repository import Model
from reverie_ascent.recipe import Recipe
from reverie_proto.sizes import to_message
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_server.limits import Limits
from reverie_server.request import spec
from reverie_server.request.validation import Violations


def recipe(model: Model, layer: str, size: int, channel: int) -> Recipe:
    """Return a recipe with more steps than any benchmark runs."""
    goal = objective_pb2.ChannelObjective(layer=layer, channel=channel)
    asked = spec_pb2.RenderSpec(
        model=model.name, objective=objective_pb2.Objective(channel=goal), size=to_message((size, size))
    )
    violations = Violations()
    effective = spec.complete(asked, {model.name: model}, Limits(), violations)
    violations.raise_if_any()
    return dataclasses.replace(spec.recipe(effective), steps=1_000_000)
