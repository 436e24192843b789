"""Translates a complete objective to the terms of a recipe, and to those that are multiplied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from reverie_ascent.recipe.objective import Term
from reverie_proto.v1 import objective_pb2

from reverie_server.request.fields import choice_name
from reverie_server.request.region_spec import recipe_region

Weight = float | tuple[float, ...]


@dataclass
class Terms:
    """The terms of an objective, and the groups of terms that are multiplied, by their indices."""

    terms: list[Term] = field(default_factory=list)
    products: list[tuple[int, ...]] = field(default_factory=list)

    def add(self, objective: objective_pb2.Objective, weight: Weight, pictures: int) -> None:
        """Add an objective times a weight for each picture of the group."""
        match objective.WhichOneof("kind"):
            case "sum":
                for each in objective.sum.terms:
                    self.add(each.objective, _times(weight, each.weight), pictures)
            case "product":
                first = len(self.terms)
                for i, factor in enumerate(objective.product.factors):
                    self.add(factor, 1.0 if i else weight, pictures)
                self.products.append(tuple(range(first, len(self.terms))))
            case "interpolation":
                shares = np.linspace(0, 1, pictures)
                self.add(getattr(objective.interpolation, "from"), _times(weight, *(1 - shares)), pictures)
                self.add(objective.interpolation.to, _times(weight, *shares), pictures)
            case kind:
                assert kind is not None
                self.terms.append(_term(objective, kind, weight))


def _times(weight: Weight, *factors: float) -> Weight:
    """Return a weight times one number, or times a number for each picture."""
    weights = weight if isinstance(weight, tuple) else (weight,)
    made = np.multiply(weights, factors)
    return float(made[0]) if len(made) == 1 else tuple(map(float, made))


def terms(objective: objective_pb2.Objective, pictures: int) -> Terms:
    """Return the terms of a valid, complete objective for a group of pictures."""
    made = Terms()
    made.add(objective, 1.0, pictures)
    return made


def _term(objective: objective_pb2.Objective, kind: str, weight: Weight) -> Term:
    goal, region = getattr(objective, kind), None
    if objective.HasField("region"):
        region = recipe_region(objective.region)
    term_kind: Any = "channel" if kind == "logit" else kind  # a logit is a channel without positions
    return Term(kind=term_kind, layer=goal.layer, weight=weight, region=region, **TERM_FIELDS[kind](goal))


#: The fields of a term that each kind sets, besides its layer.
TERM_FIELDS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "channel": lambda goal: {"channel": goal.channel},
    "neuron": lambda goal: {"channel": goal.channel, "position": (goal.y, goal.x)},
    "layer": lambda goal: {},
    "direction": lambda goal: {"vector": tuple(goal.vector), "cosine_power": goal.cosine_power},
    "logit": lambda goal: {"channel": goal.index},
    "cosine": lambda goal: {"vector": tuple(goal.vector)},
    "match": lambda goal: {
        "vector": tuple(goal.activation),
        "similarity": choice_name(goal, "similarity"),
        "cosine_power": goal.cosine_power,
    },
    "probability": lambda goal: {"channel": goal.index},
    "cross_entropy": lambda goal: {"channel": goal.index},
    "divergence": lambda goal: {"vector": tuple(goal.probabilities)},
    "diversity": lambda goal: {"form": choice_name(goal, "form")},
    "alignment": lambda goal: {"decay": goal.decay},
}
