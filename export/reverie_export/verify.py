"""Compare every layer's graph with the network that it came from, on random pictures of two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_export.evaluate import CannotEvaluate, Memo, evaluate
from reverie_export.geometry import Sizes
from reverie_export.layers import Target
from reverie_export.relative import relative_error
from reverie_export.sources.source import Array, Normalisation, Reference

# Both sides are evaluated in float64: what differs then is a fault and not rounding. In float32 the sign of a value near
# zero decides whether a Relu passes a gradient, and at 448 pixels that alone moves VGG19's by 1 % (measured).
TOLERANCE = 1e-5

LARGE_PX = 128  # from here on one picture at a time, for the sake of time
SMALLEST_PX = 32  # smaller pictures leave deep layers nothing but padding to see


@dataclass(frozen=True)
class Verification:
    """What was found for one layer; errors are relative, in L2, and the largest of all pictures."""

    reference: str
    sizes_px: tuple[int, ...]
    activation_error: float
    gradient_error: float
    problem: str = ""  # why the layer must not be used; empty when it may

    def joined(self, other: Verification) -> Verification:
        """What both together have found."""
        return Verification(
            self.reference,
            (*self.sizes_px, *other.sizes_px),
            max(self.activation_error, other.activation_error),
            max(self.gradient_error, other.gradient_error),
            self.problem or other.problem,
        )


@dataclass(frozen=True)
class Subject:
    """A layer and its graph, to be verified."""

    target: Target
    graph: ir.Graph


def sizes_to_try(sizes: Sizes) -> tuple[int, ...]:
    """Two sizes that a layer takes, the second half as large again or the next possible; or its only one."""
    if sizes.only:
        return (sizes.least,)
    first = _at_least(max(sizes.least, SMALLEST_PX), sizes.multiple)
    return first, _at_least(first + first // 2, sizes.multiple)


def verify(
    subjects: Sequence[Subject],
    reference: Reference,
    normalisation: Normalisation,
    weights: Mapping[str, Array],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Verification]:
    """Compare each layer's activation and gradient with the original's; return findings by the layer's name.

    For the smaller of the two sizes, s, the graph gets two s x s pictures at once (one if they are large), for the larger,
    t, one that is t pixels high and s wide: nothing in it can depend on the number of pictures, or take height for width.
    """
    rounds: dict[tuple[int, int, int], list[Subject]] = {}
    for subject in subjects:
        least, *larger = sizes_to_try(subject.target.sizes)
        rounds.setdefault((1 if least > LARGE_PX else 2, least, least), []).append(subject)
        for size in larger:
            rounds.setdefault((1, size, least), []).append(subject)
    total = sum(map(len, rounds.values()))
    done = 0
    findings: dict[str, Verification] = {}
    for (batch, height, width), members in rounds.items():
        bench = Bench(
            reference, normalisation, weights, members, np.random.default_rng(height), (batch, 3, height, width)
        )
        for subject in members:
            found, name = bench.check(subject), subject.target.name
            findings[name] = findings[name].joined(found) if name in findings else found
            done += 1
            progress(done, total)
    return findings


class Bench:
    """Pictures of one size and what the original network makes of them; lives while layers are compared at that size."""

    def __init__(
        self,
        reference: Reference,
        normalisation: Normalisation,
        weights: Mapping[str, Array],
        subjects: Sequence[Subject],
        rng: np.random.Generator,
        shape: tuple[int, int, int, int],
    ) -> None:
        self._reference = reference.description
        self._weights = weights
        self._rng = rng
        self._images = rng.random(shape)
        self._memo: Memo = {}  # the layers of a network share nearly all of their way forward
        values = [subject.target.value for subject in subjects]
        self._probes = [
            reference.probe(self._images[i : i + 1], normalisation, values) for i in range(len(self._images))
        ]

    def check(self, subject: Subject) -> Verification:
        """Compare one layer's activation and gradient with the original's."""
        _, _, height, width = self._images.shape
        value, at = subject.target.value, f"for a picture of {height} x {width}"

        def finding(activation: float, gradient: float, problem: str) -> Verification:
            return Verification(self._reference, (height,), activation, gradient, problem)

        try:
            expected = np.concatenate([probe.activation(value) for probe in self._probes])
        except KeyError:
            return finding(np.inf, np.inf, f"the original network does not compute it {at}")
        cotangent = self._rng.standard_normal(expected.shape)
        try:
            found = evaluate(
                subject.graph,
                {"image": self._images, "cotangent": cotangent},
                ("activation", "gradient"),
                weights=self._weights,
                memo=self._memo,
                lasting=("image",),
            )
        except CannotEvaluate as e:
            return finding(np.inf, np.inf, f"its graph does not run {at}: {e}")
        activation = relative_error(found["activation"], expected)
        if activation > TOLERANCE:
            return finding(activation, np.inf, f"its activation is off by {activation:.1e} {at}")
        gradient = max(
            probe.gradient_error(value, cotangent[i : i + 1], found["gradient"][i : i + 1])
            for i, probe in enumerate(self._probes)
        )
        return finding(
            activation, gradient, "" if gradient <= TOLERANCE else f"its gradient is off by {gradient:.1e} {at}"
        )


def _at_least(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
