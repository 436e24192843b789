"""Compare every layer's graph with the network that it came from, on random pictures of two sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size, described

from reverie_export.evaluate import CannotEvaluate, Memo, evaluate
from reverie_export.geometry import Sizes, channels_of
from reverie_export.layers import Target
from reverie_export.relative import relative_error
from reverie_export.sources.source import Array, Claim, Floats, Normalisation, Reference

# The forward pass is in float64 on both sides, because the sign of a value near zero decides whether a Relu passes a
# gradient: in float32 that alone changes the gradient of VGG19's logits at 448 pixels by 1 % (measured). Our backward
# pass is in float32.
ACTIVATION_TOLERANCE = 1e-6
GRADIENT_TOLERANCE = 1e-4
VANISHING = 1e-9  # of the value: less cannot be told from the rounding of differences

LARGE_PX = 128  # from here on one picture at a time, to save time
SMALLEST_PX = 32  # in smaller pictures deep layers see only padding


@dataclass(frozen=True)
class Verification:
    """The errors of one layer: relative, in L2, the largest of all pictures."""

    reference: str
    sizes: tuple[Size, ...]
    activation_error: float
    gradient_error: float
    problem: str = ""  # why the layer must not be used; empty if it may
    unfit: bool = False  # whether the problem is that the original network does not take pictures of that size

    def joined(self, other: Verification) -> Verification:
        """Return the largest errors of both."""
        return Verification(
            self.reference,
            (*self.sizes, *other.sizes),
            max(self.activation_error, other.activation_error),
            max(self.gradient_error, other.gradient_error),
            self.problem or other.problem,
            self.unfit or other.unfit,
        )


@dataclass(frozen=True)
class Result:
    """The results of one layer's graph; no gradient if there is a problem."""

    value: str
    error: float = np.inf
    problem: str = ""
    unfit: bool = False  # as in `Verification`
    cotangent: Floats = field(default_factory=lambda: np.zeros(0))  # of the network's own value
    gradient: Floats = field(default_factory=lambda: np.zeros(0))
    slope: float = np.inf  # the length of the gradient beside that of the value


@dataclass(frozen=True)
class Subject:
    """A layer and the graph to verify."""

    target: Target
    graph: ir.Graph

    @property
    def takes_one(self) -> bool:
        """Whether the graph takes one picture at a time."""
        shape = self.graph.inputs[0].shape
        return shape is not None and shape[0] == 1


def sizes_to_try(sizes: Sizes) -> tuple[Size, ...]:
    """Return two sizes that a layer takes, or its only one: one side of the second is at least 1.5 times as long."""
    first = height, width = sizes.at_least((SMALLEST_PX, SMALLEST_PX))
    if all(sizes.only):
        return (first,)
    longer = (1, width + width // 2) if sizes.height.only else (height + height // 2, width)
    return first, sizes.at_least(longer)


def verify(
    subjects: Sequence[Subject],
    reference: Reference,
    normalisation: Normalisation,
    weights: Mapping[str, Array],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Verification]:
    """Compare each layer's activation and gradient with the original's; return findings by the layer's name.

    For the first of the two sizes the graph gets two pictures at once (one if they are large), for the second, which
    is longer along one side only, one: so it cannot depend on the number of pictures or confuse height and width.
    """
    rounds: dict[tuple[int, int, int], list[Subject]] = {}
    channels = channels_of(subjects[0].graph) if subjects else 0
    for subject in subjects:
        first, *larger = sizes_to_try(subject.target.sizes)
        rounds.setdefault((1 if is_large(first) or subject.takes_one else 2, *first), []).append(subject)
        for size in larger:
            rounds.setdefault((1, *size), []).append(subject)
    total = sum(map(len, rounds.values()))
    done = itertools.count(1)

    def advance() -> None:
        progress(next(done), total)

    findings: dict[str, Verification] = {}
    for (batch, height, width), members in rounds.items():
        shape = (batch, channels, height, width)
        for name, found in Comparison(reference, normalisation, weights, members, shape).check(advance).items():
            findings[name] = findings[name].joined(found) if name in findings else found
    return findings


class Comparison:
    """Pictures of one size and the original network's values for them, to compare layers with."""

    def __init__(
        self,
        reference: Reference,
        normalisation: Normalisation,
        weights: Mapping[str, Array],
        subjects: Sequence[Subject],
        shape: tuple[int, int, int, int],
    ) -> None:
        self._reference = reference.description
        self._weights = weights
        self._subjects = subjects
        self._rng = np.random.default_rng(shape)
        self._images = self._rng.random(shape)
        self._memo = Memo()  # the layers of a network share most of the forward pass
        values = [subject.target.value for subject in subjects]
        self._probes = [
            reference.probe(self._images[i : i + 1], normalisation, values) for i in range(len(self._images))
        ]

    def check(self, progress: Callable[[], None]) -> dict[str, Verification]:
        """Compare each layer's activation, and then the gradients of all layers with as few passes as can tell them.

        ``progress`` is called for each layer.
        """
        results: dict[str, Result] = {}
        for subject in self._subjects:
            results[subject.target.name] = self._result(subject)
            progress()
        self._memo = Memo()  # hundreds of megabytes that the original's backward pass needs
        errors = self._gradient_errors({name: result for name, result in results.items() if not result.problem})
        return {name: self._found(result, errors.get(name, np.inf)) for name, result in results.items()}

    def _found(self, result: Result, error: float) -> Verification:
        wrong = "" if error <= GRADIENT_TOLERANCE else f"its gradient is off by {error:.1e} {self._at}"
        if wrong and result.slope < VANISHING:
            wrong = f"its gradient vanishes, being {result.slope:.0e} of its value: too little to compare {self._at}"
        return Verification(self._reference, (self._size,), result.error, error, result.problem or wrong, result.unfit)

    @property
    def _size(self) -> Size:
        height, width = self._images.shape[2:]
        return height, width

    @property
    def _at(self) -> str:
        return f"for a picture of {described(self._size)} px"

    def _result(self, subject: Subject) -> Result:
        """Evaluate the layer's graph and compare its activation."""
        value = subject.target.value
        try:
            original = np.concatenate([probe.activation(value) for probe in self._probes])
        except KeyError:
            return Result(value, problem=f"the original network does not compute it {self._at}", unfit=True)
        if len(original) != len(self._images):
            return Result(value, problem=f"the original network does not give one value {self._at}", unfit=True)
        arrangement, head = subject.target.arrangement, subject.target.head
        arranged = arrangement.apply(original)
        expected = arranged if head is None else head.apply(arranged)
        cotangent = self._rng.standard_normal(expected.shape, np.float32)
        try:
            found = evaluate(
                subject.graph,
                {"image": self._images, "cotangent": cotangent},
                ("activation", "gradient"),
                weights=self._weights,
                memo=self._memo,
                single=("cotangent",),
            )
        except CannotEvaluate as e:
            return Result(value, problem=f"its graph does not run {self._at}: {e}")
        if found["activation"].shape != expected.shape:
            problem = f"it is {list(found['activation'].shape)} and in the original network {list(expected.shape)}"
            return Result(value, problem=f"{problem} {self._at}", unfit=True)
        error = relative_error(found["activation"], expected)
        if error > ACTIVATION_TOLERANCE:
            return Result(value, error, f"its activation is off by {error:.1e} {self._at}")
        gradient = found["gradient"]
        slope = float(np.linalg.norm(gradient.astype(np.float64)) / (np.linalg.norm(expected) or 1.0))
        cotangent = arrangement.undo(cotangent if head is None else head.undo(cotangent, arranged), original.shape)
        return Result(value, error, cotangent=cotangent, gradient=gradient, slope=slope)

    def _gradient_errors(self, results: Mapping[str, Result]) -> dict[str, float]:
        """Return for each layer the largest error of its gradient over the pictures."""
        worst = dict.fromkeys(results, 0.0)
        for i, probe in enumerate(self._probes):
            of = slice(i, i + 1)
            claims = [Claim(result.value, result.cotangent[of], result.gradient[of]) for result in results.values()]
            for name, error in zip(results, probe.gradient_errors(claims, GRADIENT_TOLERANCE), strict=True):
                worst[name] = max(worst[name], error)
        return worst


def is_large(size: Size) -> bool:
    """Whether one picture of a size is compared at a time."""
    return max(size) > LARGE_PX
