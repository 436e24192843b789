"""Objectives: what a picture should excite, as values that can be added and scaled.

The names are Lucid's. The objective ``channel("conv4_3", 17) - 0.5 * neuron("conv4_3", 4)`` excites one channel and
suppresses a single unit of another. A negative weight minimises its term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

from google.protobuf.message import Message
from numpy.typing import NDArray
from reverie_proto.options import GIVEN, Problem, channel_of, shown, write
from reverie_proto.short_repr import ShortRepr
from reverie_proto.v1 import objective_pb2


@dataclass(frozen=True, repr=False)
class Objective(ShortRepr):
    """The base class of objectives: what a picture should excite."""

    MESSAGE: ClassVar[str] = "reverie.v1.Objective"

    def write_to(self, message: Any, *, at: str) -> list[Problem]:
        """Write the objective into its message; return the values that a field cannot hold."""
        return _write(message, self, at)

    @staticmethod
    def from_message(message: objective_pb2.Objective) -> Objective:
        """Return the objective of a message; raise KeyError if this version does not know its kind."""
        return _read(message)

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

    def __mul__(self, factor: float) -> Sum:
        if isinstance(factor, bool) or not isinstance(factor, Real):
            return NotImplemented
        return Sum(tuple(Weighted(float(factor) * term.weight, term.objective) for term in _terms(self)))

    __rmul__ = __mul__

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


def _terms(objective: Objective) -> tuple[Weighted, ...]:
    return objective.terms if isinstance(objective, Sum) else (Weighted(1.0, objective),)


# ----- messages: the attributes of each class have the names of its message's fields -----

KINDS: Mapping[type, str] = {Channel: "channel", Neuron: "neuron", WholeLayer: "layer", Direction: "direction"}


def _write(message: objective_pb2.Objective, objective: Objective, at: str) -> list[Problem]:
    match objective:
        case Sum(terms):
            problems = []
            for i, term in enumerate(terms):
                weighted, place = message.sum.terms.add(), f"{at}.sum.terms[{i}]."
                problems += write(weighted, "weight", term.weight, at=place)
                problems += write(weighted, "objective", term.objective, at=place)
            return problems
        case Logit(target, layer):
            named = "label" if isinstance(target, str) else "index"
            return _write_fields(message.logit, {"layer": layer, named: target}, f"{at}.logit.")
        case Objective() if type(objective) in KINDS:
            kind = KINDS[type(objective)]
            return _write_fields(getattr(message, kind), vars(objective), f"{at}.{kind}.")
    return [Problem(at, f"{shown(objective)} is not {GIVEN[Objective.MESSAGE]}")]


def _write_fields(message: Message, values: Mapping[str, object], at: str) -> list[Problem]:
    """Write values into fields by name; None leaves an optional field out."""
    message.SetInParent()
    optional = {name for name, field in message.DESCRIPTOR.fields_by_name.items() if field.has_presence}
    given = {name: value for name, value in values.items() if value is not None or name not in optional}
    return [problem for name, value in given.items() for problem in write(message, name, value, at=at)]


def _read(message: objective_pb2.Objective) -> Objective:
    kind = message.WhichOneof("kind")
    value: Any = getattr(message, kind or "channel")
    match kind:
        case "channel":
            return Channel(value.layer, value.channel)
        case "neuron":
            return Neuron(value.layer, value.channel, _optional(value, "y"), _optional(value, "x"))
        case "layer":
            return WholeLayer(value.layer)
        case "direction":
            return Direction(value.layer, tuple(value.vector), _optional(value, "cosine_power"))
        case "logit":
            return Logit(getattr(value, value.WhichOneof("class") or "index"), _optional(value, "layer"))
        case "sum":
            terms = ((t.weight if t.HasField("weight") else 1.0, _read(t.objective)) for t in value.terms)
            return Sum(tuple(Weighted(weight, term) for weight, term in terms))
    raise KeyError("the objective is missing, or of a kind that this version does not know")


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None
