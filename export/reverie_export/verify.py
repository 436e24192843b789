"""Compare every layer's graph with the network that it came from, on random pictures of two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from reverie_export.evaluate import CannotEvaluate, Memo, evaluate
from reverie_export.geometry import Sizes, channels_of
from reverie_export.layers import Target
from reverie_export.relative import relative_error
from reverie_export.sources.source import Array, Floats, Normalisation, Reference

# Forward, both sides calculate in float64, because the sign of a value near zero decides whether a Relu passes a
# gradient: in float32 that alone moves the gradient of VGG19's logits at 448 pixels by 1 % (measured). Our way back is
# in float32.
ACTIVATION_TOLERANCE = 1e-6
GRADIENT_TOLERANCE = 1e-4

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
class Answer:
    """What one layer's graph gave; no gradient if there is a problem."""

    value: str
    error: float = np.inf
    problem: str = ""
    cotangent: Floats = field(default_factory=lambda: np.zeros(0))  # of the network's own value
    gradient: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Subject:
    """A layer and its graph, to be verified."""

    target: Target
    graph: ir.Graph

    @property
    def takes_one(self) -> bool:
        """Whether the graph takes one picture at a time."""
        shape = self.graph.inputs[0].shape
        return shape is not None and shape[0] == 1


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

    For the smaller of the two sizes, s, the graph gets two s x s pictures at once (one if they are large), for the
    larger, t, one that is t pixels high and s wide: nothing in it can depend on the number of pictures, or take height
    for width.
    """
    rounds: dict[tuple[int, int, int], list[Subject]] = {}
    channels = channels_of(subjects[0].graph) if subjects else 0
    for subject in subjects:
        least, *larger = sizes_to_try(subject.target.sizes)
        rounds.setdefault((1 if least > LARGE_PX or subject.takes_one else 2, least, least), []).append(subject)
        for size in larger:
            rounds.setdefault((1, size, least), []).append(subject)
    total = sum(map(len, rounds.values()))
    done = 0
    findings: dict[str, Verification] = {}
    for (batch, height, width), members in rounds.items():
        bench = Bench(reference, normalisation, weights, members, (batch, channels, height, width))
        for group in [members] if height > LARGE_PX else [[subject] for subject in members]:
            for name, found in bench.check(group).items():
                findings[name] = findings[name].joined(found) if name in findings else found
                done += 1
                progress(done, total)
        del bench  # its pictures and values must not be held while the next ones are made
    return findings


class Bench:
    """Pictures of one size and what the original network makes of them; it lives while layers are compared on them."""

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
        self._memo: Memo = {}  # the layers of a network share nearly all of their way forward
        values = [subject.target.value for subject in subjects]
        self._probes = [
            reference.probe(self._images[i : i + 1], normalisation, values) for i in range(len(self._images))
        ]

    def check(self, group: Sequence[Subject]) -> dict[str, Verification]:
        """Compare each layer's activation, and the gradients of all of ``group`` in one backward pass of the original.

        Gradients are brought to length 1 and added, and so are the cotangents that the original goes back with: the
        distance of the two sums is what all the layers' errors come to. If that is too much, each layer is looked at
        alone.
        """
        answers = {subject.target.name: self._answer(subject) for subject in group}
        if self._images.shape[2] > LARGE_PX:
            self._memo.clear()  # hundreds of megabytes that the original's way back has need of
        good = [answer for answer in answers.values() if not answer.problem]
        error = self._gradient_error(good)
        if error > GRADIENT_TOLERANCE and len(group) > 1:
            return {name: found for subject in group for name, found in self.check([subject]).items()}
        problem = "" if error <= GRADIENT_TOLERANCE else f"its gradient is off by {error:.1e} {self._at}"
        return {
            name: Verification(
                self._reference,
                (self._images.shape[2],),
                answer.error,
                np.inf if answer.problem else error,
                answer.problem or problem,
            )
            for name, answer in answers.items()
        }

    @property
    def _at(self) -> str:
        return f"for a picture of {self._images.shape[2]} x {self._images.shape[3]}"

    def _answer(self, subject: Subject) -> Answer:
        """What the layer's graph says, its activation compared."""
        value = subject.target.value
        try:
            original = np.concatenate([probe.activation(value) for probe in self._probes])
        except KeyError:
            return Answer(value, problem=f"the original network does not compute it {self._at}")
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
                lasting=("image",),
            )
        except CannotEvaluate as e:
            return Answer(value, problem=f"its graph does not run {self._at}: {e}")
        error = relative_error(found["activation"], expected)
        if error > ACTIVATION_TOLERANCE:
            return Answer(value, error, f"its activation is off by {error:.1e} {self._at}")
        return Answer(value, error, cotangent=arrangement.undo(cotangent, original.shape), gradient=found["gradient"])

    def _gradient_error(self, answers: Sequence[Answer]) -> float:
        """The largest over the pictures of the distance between our sum of unit gradients and the original's."""
        worst = 0.0
        for i, probe in enumerate(self._probes):
            total = np.zeros_like(self._images[i : i + 1])
            cotangents = {}
            for answer in answers:
                gradient = answer.gradient[i : i + 1].astype(np.float64)
                scale = 1 / (float(np.linalg.norm(gradient)) or 1.0)
                total += scale * gradient
                cotangents[answer.value] = scale * answer.cotangent[i : i + 1].astype(np.float64)
            distance = probe.gradient_distance(cotangents, total) if cotangents else 0.0
            worst = max(worst, distance if np.isfinite(distance) else np.inf)
        return worst


def _at_least(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
