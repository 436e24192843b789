"""Objectives: what a picture should excite, as values that can be added and scaled.

The names are Lucid's. The objective ``channel("conv4_3", 17) - 0.5 * neuron("conv4_3", 4)`` excites one channel and
suppresses a single unit of another. A negative weight minimises its term. Objectives of single layers can be
multiplied, and `in_region` restricts one to a part of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from reverie_proto.options import channel_of

from reverie.objective_kinds import (
    Alignment,
    Channel,
    Cosine,
    CrossEntropy,
    Direction,
    Divergence,
    Diversity,
    Interpolation,
    Logit,
    Match,
    Neuron,
    Objective,
    Probability,
    Product,
    Sum,
    Weighted,
    WholeLayer,
)

__all__ = [
    "Alignment",
    "Channel",
    "Cosine",
    "CrossEntropy",
    "Direction",
    "Divergence",
    "Diversity",
    "Interpolation",
    "Logit",
    "Match",
    "Neuron",
    "Objective",
    "Probability",
    "Product",
    "Sum",
    "Weighted",
    "WholeLayer",
    "alignment",
    "channel",
    "cosine",
    "cross_entropy",
    "direction",
    "divergence",
    "diversity",
    "interpolation",
    "layer",
    "logit",
    "match",
    "neuron",
    "objective_of",
    "probability",
]


def channel(layer: str, channel: int) -> Channel:
    """Return the objective that is the mean of channel number ``channel`` of ``layer`` over all positions."""
    return Channel(layer, channel)


def neuron(layer: str, channel: int, y: int | None = None, x: int | None = None) -> Neuron:
    """Return the objective that is one channel at row ``y`` and column ``x`` of the layer's grid (default: centre)."""
    return Neuron(layer, channel, y, x)


def layer(name: str) -> WholeLayer:
    """Return the objective that is the mean of the squares of a whole layer, as in DeepDream."""
    return WholeLayer(name)


def direction(layer: str, vector: Sequence[float] | NDArray[Any], *, cosine_power: float | None = None) -> Direction:
    """Return the objective that is the mean dot product with ``vector``, one number per channel of ``layer``.

    It is multiplied by the cosine similarity, but at least 0.1, to the power ``cosine_power`` (0 to 100, default 0).
    A higher power makes the picture follow the direction more than the length of the activation.
    """
    return Direction(layer, tuple(float(number) for number in vector), cosine_power)


def logit(target: int | str, *, layer: str | None = None) -> Logit:
    """Return the objective that is one class before softmax, by number or label, in ``layer`` or the last layer."""
    return Logit(target, layer)


def objective_of(layer: str, target: int | str) -> Objective:
    """Return the objective for a layer and a channel: a number, also one in digits, or the label of a class."""
    target = channel_of(target)
    return Logit(target, layer) if isinstance(target, str) else Channel(layer, target)


def cosine(layer: str, vector: ArrayLike) -> Cosine:
    """Return the objective that is the mean cosine similarity with ``vector``, one number per channel of ``layer``.

    For embeddings of pictures or texts.
    """
    return Cosine(layer, _numbers(vector))


def match(
    layer: str, activation: ArrayLike, *, similarity: str | None = None, cosine_power: float | None = None
) -> Match:
    """Return the objective that is the similarity of the activation of ``layer`` to a given one.

    ``activation`` has one number per channel, wanted at every position, or is the whole activation [C, h, w].
    ``similarity`` is "l2" (the default), "cosine", or "dot_cosine" with a ``cosine_power``: caricatures.
    """
    return Match(layer, _numbers(activation), similarity, cosine_power)


def probability(target: int | str, *, layer: str | None = None) -> Probability:
    """Return the objective that is the probability of a class, by number or label, in ``layer`` or the last layer."""
    return Probability(target, layer)


def cross_entropy(target: int | str, *, layer: str | None = None) -> CrossEntropy:
    """Return the objective that is the logarithm of the probability of a class, which is minus the cross-entropy."""
    return CrossEntropy(target, layer)


def divergence(layer: str, probabilities: ArrayLike) -> Divergence:
    """Return minus the Kullback-Leibler divergence of the softmax over the channels from given probabilities."""
    return Divergence(layer, _numbers(probabilities))


def interpolation(start: Objective, end: Objective) -> Interpolation:
    """Return the objective of a group whose first picture excites ``start``, the last ``end``, others a mix."""
    return Interpolation(start, end)


def diversity(layer: str, *, form: str | None = None) -> Diversity:
    """Return minus how similar the pictures of a group are to ``layer``: "lucid" (the default) or "lucent"."""
    return Diversity(layer, form)


def alignment(layer: str, *, decay: float | None = None) -> Alignment:
    """Return minus the squared differences between neighbouring pictures of a group, d apart counts 1 / decay^d."""
    return Alignment(layer, decay)


def _numbers(values: ArrayLike) -> tuple[float, ...]:
    return tuple(map(float, np.asarray(values, np.float64).ravel()))
