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
from reverie_export.sources.source import Array, Floats, Normalisation, Probe, Reference

# In float32 the order of sums alone moves an activation of a deep network by 1e-6; a gradient moves further, because the
# sign of a value near zero decides whether a Relu lets all of it pass.
ACTIVATION_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3

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
    """Verify each layer, in float32 and, where that is not enough to tell, in float64; return findings by layer's name.

    At the smaller of the two sizes the graph gets two pictures at once, so that nothing in it can depend on their number.
    """
    rounds: dict[tuple[int, int], list[Subject]] = {}
    for subject in subjects:
        for i, size in enumerate(sizes_to_try(subject.target.sizes)):
            rounds.setdefault((size, 1 if i else 2), []).append(subject)
    total = sum(map(len, rounds.values()))
    done = 0
    findings: dict[str, Verification] = {}
    for (size, batch), members in sorted(rounds.items(), key=lambda item: item[0]):
        bench = Bench(reference, normalisation, weights, size, batch, np.float32)
        bench.watch(members)
        doubtful = []
        for subject in members:
            found = bench.check(subject)
            if found.problem:
                doubtful.append(subject)
            else:
                _add(findings, subject, found)
                done += 1
                progress(done, total)
        if doubtful:
            bench = Bench(reference, normalisation, weights, size, batch, np.float64)
            bench.watch(doubtful)
            for subject in doubtful:
                _add(findings, subject, bench.check(subject))
                done += 1
                progress(done, total)
    return findings


def _add(findings: dict[str, Verification], subject: Subject, found: Verification) -> None:
    name = subject.target.name
    findings[name] = findings[name].joined(found) if name in findings else found


class Bench:
    """Pictures of one size and what the original network makes of them; lives while layers are compared at that size."""

    def __init__(
        self,
        reference: Reference,
        normalisation: Normalisation,
        weights: Mapping[str, Array],
        size: int,
        batch: int,
        precision: type[np.floating],
    ) -> None:
        self._reference = reference
        self._normalisation = normalisation
        self._weights = weights
        self._size = size
        self._rng = np.random.default_rng(size)
        self._images: Floats = self._rng.random((batch, 3, size, size)).astype(precision)
        self._memo: Memo = {}  # the layers of a network share nearly all of their way forward
        self._probes: list[Probe] = []

    def watch(self, subjects: Sequence[Subject]) -> None:
        """Run the original network on every picture."""
        values = [subject.target.value for subject in subjects]
        self._probes = [
            self._reference.probe(self._images[i : i + 1], self._normalisation, values)
            for i in range(len(self._images))
        ]

    def check(self, subject: Subject) -> Verification:
        """Compare one layer's activation and gradient with the original's."""

        def finding(activation: float, gradient: float, problem: str) -> Verification:
            return Verification(self._reference.description, (self._size,), activation, gradient, problem)

        value, at = subject.target.value, f"at {self._size} px"
        try:
            expected = np.concatenate([probe.activation(value) for probe in self._probes])
        except KeyError:
            return finding(np.inf, np.inf, f"the original network does not compute it {at}")
        cotangent = self._rng.standard_normal(expected.shape).astype(self._images.dtype)
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
        gradient = np.inf
        if activation <= ACTIVATION_TOLERANCE and found["gradient"].shape == self._images.shape:
            parts = [slice(i, i + 1) for i in range(len(self._probes))]
            gradient = max(
                probe.gradient_error(value, cotangent[p], found["gradient"][p].astype(cotangent.dtype))
                for probe, p in zip(self._probes, parts, strict=True)
            )
        problem = ""
        if activation > ACTIVATION_TOLERANCE:
            problem = f"its activation is off by {activation:.1e} {at}"
        elif gradient > GRADIENT_TOLERANCE:
            problem = f"its gradient is off by {gradient:.1e} {at}"
        return finding(activation, gradient, problem)


def _at_least(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
