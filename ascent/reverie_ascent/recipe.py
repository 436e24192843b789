"""Recipes: the objective and the settings of one picture, with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from reverie_proto.sizes import Size

Kind: TypeAlias = Literal["channel", "neuron", "layer", "direction"]
Parametrization: TypeAlias = Literal["fourier", "pixel"]
Transforms: TypeAlias = Literal["none", "lucid"]
Schedule: TypeAlias = Literal["constant", "one_cycle"]


class RecipeError(ValueError):
    """A recipe does not fit the model or the program; the message names the value and what is allowed."""


@dataclass(frozen=True)
class Term:
    """One objective of a weighted sum.

    ========= ===============================================================================================
    channel   the mean of ``channel`` over all positions; a logit is a channel of a layer without positions
    neuron    ``channel`` at ``position`` (row, column) of the layer's own grid
    layer     the mean of the squares of the whole layer: DeepDream
    direction the mean over all positions of dot(x, ``vector``) * max(0.1, cosine(x, ``vector``)) ** ``cosine_power``
    ========= ===============================================================================================
    """

    kind: Kind
    layer: str
    weight: float = 1.0
    channel: int = 0
    position: tuple[int, int] | None = None
    vector: tuple[float, ...] = ()
    cosine_power: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How to render one picture: its objective, its height and width, and the settings of the ascent."""

    terms: tuple[Term, ...]
    size: Size
    steps: int
    learning_rate: float
    seed: int
    parametrization: Parametrization = "fourier"
    transforms: Transforms = "lucid"
    schedule: Schedule = "constant"
