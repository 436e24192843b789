"""Checks what cannot be combined in a spec, before anything is rendered."""

from __future__ import annotations

from reverie_ascent.program.transforms.steps import check as check_transforms
from reverie_proto.sizes import Size
from reverie_proto.v1 import optimizer_pb2, parametrization_pb2, spec_pb2

from reverie_server.request import transform_spec
from reverie_server.request.validation import Violations

#: The parametrizations of which one channel more can be opacity.
WITH_ALPHA = ("fourier", "pixel", "laplacian")


def check(effective: spec_pb2.RenderSpec, size: Size | None, seen: Size | None, violations: Violations) -> None:
    """Add a violation for each combination of fields that makes no sense."""
    kind = effective.parametrization.WhichOneof("kind")
    spectral = [i for i, each in enumerate(effective.penalties) if each.kind == optimizer_pb2.PENALTY_KIND_SPECTRAL]
    if kind == "maco":
        for i in spectral:
            problem = "spectral does not go with maco, whose spectrum has a fixed magnitude; leave one of them out"
            violations.add(f"spec.penalties[{i}].kind", problem)
    if effective.alpha:
        _check_alpha(effective, kind, violations)
    if effective.robustness and not effective.transforms.steps:
        violations.add("spec.robustness", "needs transforms, whose draws it measures; give some, such as lucid")
    if effective.HasField("stop_at") and effective.best_of > 1:
        violations.add("spec.stop_at", "does not go with best_of: attempts that stop early cannot be compared")
    if size is not None and seen is not None:
        _check_sizes(effective, size, seen, violations)


def _check_alpha(effective: spec_pb2.RenderSpec, kind: str | None, violations: Violations) -> None:
    if kind not in WITH_ALPHA:
        violations.add("spec.alpha", f"does not go with {kind}; use one of {', '.join(WITH_ALPHA)}")
    elif effective.parametrization.pixel.range == parametrization_pb2.PIXEL_RANGE_UNBOUNDED:
        violations.add("spec.alpha", "does not go with pixels of the range unbounded; use another range")
    if effective.importance:
        violations.add("spec.importance", "does not go with alpha: both are the opacity of the picture")


def _check_sizes(effective: spec_pb2.RenderSpec, size: Size, seen: Size, violations: Violations) -> None:
    if violations.has("spec.transforms"):
        return  # sizes cannot be computed with values that are none
    if problem := check_transforms(transform_spec.transforms(effective.transforms), size, seen):
        path, _, sentence = problem.partition(": ")
        violations.add(f"spec.{path.replace('transforms[', 'transforms.steps[')}", sentence)
