"""Compare every layer's graph with the network that it came from, on random pictures of two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size, described

from reverie_export.evaluate import CannotEvaluate, Memo, evaluate
from reverie_export.geometry import Sizes, channels_of
from reverie_export.layers import Target
from reverie_export.relative import relative_error
from reverie_export.sources.source import Array, Floats, Normalisation, Reference

# The forward pass is in float64 on both sides, because the sign of a value near zero decides whether a Relu passes a
# gradient: in float32 that alone changes the gradient of VGG19's logits at 448 pixels by 1 % (measured). Our backward
# pass is in float32.
ACTIVATION_TOLERANCE = 1e-6
GRADIENT_TOLERANCE = 1e-4

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
    done = 0
    findings: dict[str, Verification] = {}
    for (batch, height, width), members in rounds.items():
        comparison = Comparison(reference, normalisation, weights, members, (batch, channels, height, width))
        for group in [members] if is_large((height, width)) else [[subject] for subject in members]:
            for name, found in comparison.check(group).items():
                findings[name] = findings[name].joined(found) if name in findings else found
                done += 1
                progress(done, total)
        del comparison  # its pictures and values must be freed before the next ones are made
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
        self._rng = np.random.default_rng(shape)
        self._images = self._rng.random(shape)
        self._memo: Memo = {}  # the layers of a network share most of the forward pass
        values = [subject.target.value for subject in subjects]
        self._probes = [
            reference.probe(self._images[i : i + 1], normalisation, values) for i in range(len(self._images))
        ]

    def check(self, group: Sequence[Subject]) -> dict[str, Verification]:
        """Compare each layer's activation, and the gradients of all of ``group`` in one backward pass of the original.

        Gradients are scaled to length 1 and summed, and the original's cotangents are scaled alike: the distance of the
        two sums is their total error. If that is too large, each layer is compared alone.
        """
        results = {subject.target.name: self._result(subject) for subject in group}
        if is_large(self._size):
            self._memo.clear()  # hundreds of megabytes that the original's backward pass needs
        good = [result for result in results.values() if not result.problem]
        error = self._gradient_error(good)
        if error > GRADIENT_TOLERANCE and len(group) > 1:
            return {name: found for subject in group for name, found in self.check([subject]).items()}
        problem = "" if error <= GRADIENT_TOLERANCE else f"its gradient is off by {error:.1e} {self._at}"
        return {
            name: Verification(
                self._reference,
                (self._size,),
                result.error,
                np.inf if result.problem else error,
                result.problem or problem,
                result.unfit,
            )
            for name, result in results.items()
        }

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
        arrangement = subject.target.arrangement
        expected = arrangement.apply(original)
        cotangent = self._rng.standard_normal(expected.shape, np.float32)
        try:
            found = evaluate(
                subject.graph,
                {"image": self._images, "cotangent": cotangent},
                ("activation", "gradient"),
                weights=self._weights,
                memo=self._memo,
                unchanging=("image",),
            )
        except CannotEvaluate as e:
            return Result(value, problem=f"its graph does not run {self._at}: {e}")
        if found["activation"].shape != expected.shape:
            problem = f"it is {list(found['activation'].shape)} and in the original network {list(expected.shape)}"
            return Result(value, problem=f"{problem} {self._at}", unfit=True)
        error = relative_error(found["activation"], expected)
        if error > ACTIVATION_TOLERANCE:
            return Result(value, error, f"its activation is off by {error:.1e} {self._at}")
        return Result(value, error, cotangent=arrangement.undo(cotangent, original.shape), gradient=found["gradient"])

    def _gradient_error(self, results: Sequence[Result]) -> float:
        """Return the largest distance, over the pictures, of our sum of unit gradients from the original's."""
        worst = 0.0
        for i, probe in enumerate(self._probes):
            total = np.zeros_like(self._images[i : i + 1])
            cotangents = {}
            for result in results:
                gradient = result.gradient[i : i + 1].astype(np.float64)
                scale = 1 / (float(np.linalg.norm(gradient)) or 1.0)
                total += scale * gradient
                cotangents[result.value] = scale * result.cotangent[i : i + 1].astype(np.float64)
            distance = probe.gradient_distance(cotangents, total) if cotangents else 0.0
            worst = max(worst, distance if np.isfinite(distance) else np.inf)
        return worst


def is_large(size: Size) -> bool:
    """Whether one picture of a size is compared at a time."""
    return max(size) > LARGE_PX
