"""The kinds of objectives, as values that can be added, multiplied and scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Self, overload

from google.protobuf.message import Message
from reverie_proto.options import Problem, write
from reverie_proto.short_repr import ShortRepr

from reverie.values import Region


@dataclass(frozen=True, repr=False)
class Objective(ShortRepr):
    """The base class of objectives: what a picture should excite, in a ``region`` or everywhere."""

    region: Region | None = field(default=None, kw_only=True, repr=False)

    MESSAGE: ClassVar[str] = "reverie.v1.Objective"
    #: The name of the kind: a field of the message.
    KIND: ClassVar[str]

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the objective into its message; return the values that a field cannot hold."""
        problems = self._write_kind(message, at)
        return problems if self.region is None else problems + write(message, "region", self.region, at=f"{at}.")

    def _write_kind(self, message: Any, at: str) -> list[Problem]:
        """Write all but the region: the attributes have the names of the message's fields."""
        values = {name: value for name, value in vars(self).items() if name != "region"}
        return _write_fields(getattr(message, self.KIND), values, f"{at}.{self.KIND}.")

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

    KIND = "channel"
    layer: str
    channel: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"


@dataclass(frozen=True, repr=False)
class Neuron(Objective):
    """One channel at row ``y`` and column ``x`` of the layer's own grid; None means the centre."""

    KIND = "neuron"
    layer: str
    channel: int
    y: int | None = None
    x: int | None = None

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}@{'centre' if self.y is None and self.x is None else f'{self.y},{self.x}'}"


@dataclass(frozen=True, repr=False)
class WholeLayer(Objective):
    """The mean of the squares of a whole layer, which is DeepDream's objective."""

    KIND = "layer"
    layer: str

    def __str__(self) -> str:
        return self.layer


@dataclass(frozen=True, repr=False)
class Direction(Objective):
    """The mean over all positions of the dot product with ``vector``, one number per channel.

    It is multiplied by the cosine similarity to the power ``cosine_power``; None or 0 gives the plain product.
    """

    KIND = "direction"
    layer: str
    vector: tuple[float, ...]
    cosine_power: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:direction"


@dataclass(frozen=True, repr=False)
class _OfClass(Objective):
    """An objective of one class, by number or label. ``layer`` None means the model's last layer."""

    target: int | str
    layer: str | None = None

    def _write_kind(self, message: Any, at: str) -> list[Problem]:
        named = "label" if isinstance(self.target, str) else "index"
        fields = {"layer": self.layer, named: self.target}
        return _write_fields(getattr(message, self.KIND), fields, f"{at}.{self.KIND}.")


@dataclass(frozen=True, repr=False)
class Logit(_OfClass):
    """One class of a classifier before softmax, by number or label. ``layer`` None means the model's last layer."""

    KIND = "logit"

    def __str__(self) -> str:
        return f"{self.layer or 'logit'}:{self.target}"


@dataclass(frozen=True, repr=False)
class Cosine(Objective):
    """The mean over all positions of the cosine similarity with ``vector``, one number per channel: for embeddings."""

    KIND = "cosine"
    layer: str
    vector: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.layer}:cosine"


@dataclass(frozen=True, repr=False)
class Match(Objective):
    """How similar the layer's activation is to a given one: a number per channel, or the whole activation, flat."""

    KIND = "match"
    layer: str
    activation: tuple[float, ...]
    similarity: str | None = None
    cosine_power: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:match"


@dataclass(frozen=True, repr=False)
class Probability(_OfClass):
    """The probability of one class, by number or label, after softmax."""

    KIND = "probability"

    def __str__(self) -> str:
        return f"{self.layer or 'probability'}:{self.target}"


@dataclass(frozen=True, repr=False)
class CrossEntropy(_OfClass):
    """The logarithm of the probability of one class, by number or label: minus the cross-entropy."""

    KIND = "cross_entropy"

    def __str__(self) -> str:
        return f"{self.layer or 'cross_entropy'}:{self.target}"


@dataclass(frozen=True, repr=False)
class Divergence(Objective):
    """Minus the divergence of the softmax over the layer's channels from given probabilities."""

    KIND = "divergence"
    layer: str
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.layer}:divergence"


@dataclass(frozen=True, repr=False)
class Diversity(Objective):
    """Minus how similar the pictures of a group are to the layer; ``form`` is "lucid" (the default) or "lucent"."""

    KIND = "diversity"
    layer: str
    form: str | None = None

    def __str__(self) -> str:
        return f"{self.layer}:diversity"


@dataclass(frozen=True, repr=False)
class Alignment(Objective):
    """Minus the squared differences between the layer's activations of neighbouring pictures of a group."""

    KIND = "alignment"
    layer: str
    decay: float | None = None

    def __str__(self) -> str:
        return f"{self.layer}:alignment"


@dataclass(frozen=True, repr=False)
class Product(Objective):
    """The product of objectives of single layers."""

    KIND = "product"
    factors: tuple[Objective, ...]

    def _write_kind(self, message: Any, at: str) -> list[Problem]:
        return write(message.product, "factors", self.factors, at=f"{at}.product.")

    def __str__(self) -> str:
        return " * ".join(map(str, self.factors))


@dataclass(frozen=True, repr=False)
class Interpolation(Objective):
    """The first picture of a group excites ``start``, the last ``end``, and those between a mix of both."""

    KIND = "interpolation"
    start: Objective
    end: Objective

    def _write_kind(self, message: Any, at: str) -> list[Problem]:
        parts, place = message.interpolation, f"{at}.interpolation."
        return write(parts, "from", self.start, at=place) + write(parts, "to", self.end, at=place)

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

    KIND = "sum"
    terms: tuple[Weighted, ...]

    def _write_kind(self, message: Any, at: str) -> list[Problem]:
        problems = []
        for i, term in enumerate(self.terms):
            weighted, place = message.sum.terms.add(), f"{at}.sum.terms[{i}]."
            problems += write(weighted, "weight", term.weight, at=place)
            problems += write(weighted, "objective", term.objective, at=place)
        return problems

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms)).replace("+ -", "- ")


def _write_fields(message: Message, values: Mapping[str, object], at: str) -> list[Problem]:
    """Write values into fields by name; None leaves an optional field out."""
    message.SetInParent()
    optional = {name for name, field in message.DESCRIPTOR.fields_by_name.items() if field.has_presence}
    given = {name: value for name, value in values.items() if value is not None or name not in optional}
    return [problem for name, value in given.items() for problem in write(message, name, value, at=at)]


def _terms(objective: Objective) -> tuple[Weighted, ...]:
    return objective.terms if isinstance(objective, Sum) else (Weighted(1.0, objective),)


def _factors(objective: Objective) -> tuple[Objective, ...]:
    return objective.factors if isinstance(objective, Product) else (objective,)
