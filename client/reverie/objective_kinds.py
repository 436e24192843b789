"""The kinds of objectives, as values that can be added, multiplied and scaled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Self, overload

from reverie_proto.options import Problem
from reverie_proto.short_repr import ShortRepr
from reverie_proto.v1 import objective_pb2

from reverie.values import Region


@dataclass(frozen=True, repr=False)
class Objective(ShortRepr):
    """The base class of objectives: what a picture should excite, in a ``region`` or everywhere."""

    region: Region | None = field(default=None, kw_only=True, repr=False)

    MESSAGE: ClassVar[str] = "reverie.v1.Objective"

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the objective into its message; return the values that a field cannot hold."""
        from reverie._objective_messages import write_objective

        return write_objective(message, self, at)

    @staticmethod
    def from_message(message: objective_pb2.Objective) -> Objective:
        """Return the objective of a message; raise KeyError if this version does not know its kind."""
        from reverie._objective_messages import read_objective

        return read_objective(message)

    def in_region(self, region: Region) -> Self:
        """Return the same objective of the positions in a region only; `reverie.regions` makes regions."""
        return replace(self, region=region)

    def __add__(self, other: Objective) -> Sum:
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum(_terms(self) + _terms(other))

    def __radd__(self, other: int) -> Self:
        """Return the objective itself for 0, with which Python's ``sum`` begins."""
        if isinstance(other, bool) or not isinstance(other, Real) or other != 0:
            return NotImplemented
        return self

    def __sub__(self, other: Objective) -> Sum:
        if not isinstance(other, Objective):
            return NotImplemented
        return self + -other

    @overload
    def __mul__(self, factor: float) -> Sum: ...
    @overload
    def __mul__(self, factor: Objective) -> Product: ...

    def __mul__(self, factor: float | Objective) -> Sum | Product:
        if isinstance(factor, Objective):
            return Product(_factors(self) + _factors(factor))
        if isinstance(factor, bool) or not isinstance(factor, Real):
            return NotImplemented
        return Sum(tuple(Weighted(float(factor) * term.weight, term.objective) for term in _terms(self)))

    def __rmul__(self, factor: float) -> Sum:
        return self * factor

    def __truediv__(self, divisor: float) -> Sum:
        if isinstance(divisor, bool) or not isinstance(divisor, Real):
            return NotImplemented
        return self * (1 / float(divisor))

    def __pos__(self) -> Self:
        return self

    def __neg__(self) -> Sum:
        return self * -1.0


@dataclass(frozen=True, repr=False)
class Channel(Objective):
    """The mean of one channel over all positions."""

    layer: str
    channel: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"


@dataclass(frozen=True, repr=False)
class Neuron(Objective):
    """One channel at row ``y`` and column ``x`` of the layer's own grid; None means the centre."""

    layer: str
    channel: int
    y: int | None = None
    x: int | None = None

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}@{'centre' if self.y is None and self.x is None else f'{self.y},{self.x}'}"


@dataclass(frozen=True, repr=False)
class WholeLayer(Objective):
    """The mean of the squares of a whole layer, which is DeepDream's objective."""

    layer: str

    def __str__(self) -> str:
        return self.layer


@dataclass(frozen=True, repr=False)
class Direction(Objective):
    """The mean over all positions of the dot product with ``vector``, one number per channel.

    It is multiplied by the cosine similarity to the power ``cosine_power``; None or 0 gives the plain product.
    """

    layer: str
    vector: tuple[float, ...]
    cosine_power: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:direction"


@dataclass(frozen=True, repr=False)
class Logit(Objective):
    """One class of a classifier before softmax, by number or label. ``layer`` None means the model's last layer."""

    target: int | str
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.layer or 'logit'}:{self.target}"


@dataclass(frozen=True, repr=False)
class Cosine(Objective):
    """The mean over all positions of the cosine similarity with ``vector``, one number per channel: for embeddings."""

    layer: str
    vector: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.layer}:cosine"


@dataclass(frozen=True, repr=False)
class Match(Objective):
    """How similar the layer's activation is to a given one: a number per channel, or the whole activation, flat."""

    layer: str
    activation: tuple[float, ...]
    similarity: str | None = None
    cosine_power: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:match"


@dataclass(frozen=True, repr=False)
class Probability(Objective):
    """The probability of one class, by number or label, after softmax."""

    target: int | str
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.layer or 'probability'}:{self.target}"


@dataclass(frozen=True, repr=False)
class CrossEntropy(Objective):
    """The logarithm of the probability of one class, by number or label: minus the cross-entropy."""

    target: int | str
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.layer or 'cross_entropy'}:{self.target}"


@dataclass(frozen=True, repr=False)
class Divergence(Objective):
    """Minus the divergence of the softmax over the layer's channels from given probabilities."""

    layer: str
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.layer}:divergence"


@dataclass(frozen=True, repr=False)
class Diversity(Objective):
    """Minus how similar the pictures of a group are to the layer; ``form`` is "lucid" (the default) or "lucent"."""

    layer: str
    form: str | None = None

    def __str__(self) -> str:
        return f"{self.layer}:diversity"


@dataclass(frozen=True, repr=False)
class Alignment(Objective):
    """Minus the squared differences between the layer's activations of neighbouring pictures of a group."""

    layer: str
    decay: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:alignment"


@dataclass(frozen=True, repr=False)
class Product(Objective):
    """The product of objectives of single layers."""

    factors: tuple[Objective, ...]

    def __str__(self) -> str:
        return " * ".join(map(str, self.factors))


@dataclass(frozen=True, repr=False)
class Interpolation(Objective):
    """The first picture of a group excites ``start``, the last ``end``, and those between a mix of both."""

    start: Objective
    end: Objective

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


@dataclass(frozen=True, repr=False)
class Weighted(ShortRepr):
    """A term of a sum and its weight."""

    weight: float
    objective: Objective

    def __str__(self) -> str:
        return f"{self.weight:g}*{self.objective}"


@dataclass(frozen=True, repr=False)
class Sum(Objective):
    """A weighted sum of terms, which are not sums themselves."""

    terms: tuple[Weighted, ...]

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms)).replace("+ -", "- ")


def _terms(objective: Objective) -> tuple[Weighted, ...]:
    return objective.terms if isinstance(objective, Sum) else (Weighted(1.0, objective),)


def _factors(objective: Objective) -> tuple[Objective, ...]:
    return objective.factors if isinstance(objective, Product) else (objective,)
