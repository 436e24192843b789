"""Objectives: what a picture should excite, as values that can be added and scaled.

The names are Lucid's. The objective ``channel("conv4_3", 17) - 0.5 * neuron("conv4_3", 4)`` excites one channel and
suppresses a single unit of another. A negative weight minimises its term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Objective:
    """The base class of objectives: what a picture should excite."""

    def __add__(self, other: Objective) -> Sum:
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum(_terms(self) + _terms(other))

    def __sub__(self, other: Objective) -> Sum:
        if not isinstance(other, Objective):
            return NotImplemented
        return self + -other

    def __mul__(self, factor: float) -> Sum:
        if not isinstance(factor, Real):
            return NotImplemented
        return Sum(tuple(Weighted(float(factor) * term.weight, term.objective) for term in _terms(self)))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Sum:
        return self * (1 / divisor)

    def __neg__(self) -> Sum:
        return self * -1.0


@dataclass(frozen=True)
class Channel(Objective):
    """The mean of one channel over all positions."""

    layer: str
    channel: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"


@dataclass(frozen=True)
class Neuron(Objective):
    """One channel at row ``y`` and column ``x`` of the layer's own grid; None means the centre."""

    layer: str
    channel: int
    y: int | None = None
    x: int | None = None

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}@{'centre' if self.y is None and self.x is None else f'{self.y},{self.x}'}"


@dataclass(frozen=True)
class WholeLayer(Objective):
    """The mean of the squares of a whole layer, which is DeepDream's objective."""

    layer: str

    def __str__(self) -> str:
        return self.layer


@dataclass(frozen=True)
class Direction(Objective):
    """The mean over all positions of the dot product with ``vector``, one number per channel.

    It is multiplied by the cosine similarity to the power ``cosine_power``; None or 0 gives the plain product.
    """

    layer: str
    vector: tuple[float, ...]
    cosine_power: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:direction"


@dataclass(frozen=True)
class Logit(Objective):
    """One class of a classifier before softmax, by number or label. ``layer`` None means the model's last layer."""

    target: int | str
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.layer or 'logit'}:{self.target}"


@dataclass(frozen=True)
class Weighted:
    """A term of a sum and its weight."""

    weight: float
    objective: Objective

    def __str__(self) -> str:
        return f"{self.weight:g}*{self.objective}"


@dataclass(frozen=True)
class Sum(Objective):
    """A weighted sum of terms, which are not sums themselves."""

    terms: tuple[Weighted, ...]

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms)).replace("+ -", "- ")


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
    """Return the objective for a layer and a channel, which is a channel number or the label of a class."""
    return Logit(target, layer) if isinstance(target, str) else Channel(layer, target)


def _terms(objective: Objective) -> tuple[Weighted, ...]:
    return objective.terms if isinstance(objective, Sum) else (Weighted(1.0, objective),)
