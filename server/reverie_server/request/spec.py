"""Makes effective specs: a caller's RenderSpec with every default filled in and the model pinned by digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from reverie_ascent.recipe import Parametrization, Recipe, Schedule, Transforms
from reverie_proto.sizes import Size, described, from_message, to_message
from reverie_proto.v1 import spec_pb2

from reverie_server.errors import shown
from reverie_server.limits import Limits
from reverie_server.request import objective_spec, picture_size
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS
from reverie_server.request.validation import Violations, suggestion, unknown

if TYPE_CHECKING:  # importing it loads onnx
    from reverie_ascent.models.repository import Model

Name = TypeVar("Name")

MAX_LEARNING_RATE = 100

PARAMETRIZATIONS: dict[Parametrization, int] = {
    "fourier": spec_pb2.PARAMETRIZATION_FOURIER,
    "pixel": spec_pb2.PARAMETRIZATION_PIXEL,
}
TRANSFORMS: dict[Transforms, int] = {
    "none": spec_pb2.TRANSFORMS_NONE,
    "lucid": spec_pb2.TRANSFORMS_LUCID,
}
SCHEDULES: dict[Schedule, int] = {
    "constant": spec_pb2.SCHEDULE_CONSTANT,
    "one_cycle": spec_pb2.SCHEDULE_ONE_CYCLE,
}


def complete(
    spec: spec_pb2.RenderSpec, models: Mapping[str, Model], limits: Limits, violations: Violations
) -> spec_pb2.RenderSpec:
    """Return a copy of a spec with every default filled in; add its violations to `violations`."""
    effective = spec_pb2.RenderSpec()
    effective.CopyFrom(spec)
    _fill_preset(effective, violations)
    model = _pin_model(effective, models, violations)
    size = _fill_size(effective, model, limits, violations)
    _fill_numbers(effective, limits, violations)
    if model is not None:
        context = objective_spec.ObjectiveContext(model, size, limits.max_terms, violations)
        objective_spec.complete(effective.objective, context, "spec.objective")
    elif effective.objective.WhichOneof("kind") is None:
        violations.add("spec.objective", f"is required: one of {', '.join(objective_spec.KINDS)}")
    return effective


def recipe(effective: spec_pb2.RenderSpec) -> Recipe:
    """Return the recipe of a valid effective spec, made by `complete`."""
    return Recipe(
        terms=objective_spec.terms(effective.objective),
        size=from_message(effective.size),
        steps=effective.steps,
        learning_rate=effective.learning_rate,
        seed=effective.seed,
        parametrization=_name(PARAMETRIZATIONS, effective.parametrization),
        transforms=_name(TRANSFORMS, effective.transforms),
        schedule=_name(SCHEDULES, effective.schedule),
    )


def _fill_preset(effective: spec_pb2.RenderSpec, violations: Violations) -> None:
    if not effective.HasField("preset"):
        effective.preset = DEFAULT_PRESET
    preset = PRESETS.get(effective.preset)
    if preset is None:
        violations.add("spec.preset", unknown("preset", effective.preset, PRESETS))
        preset = PRESETS[DEFAULT_PRESET]  # so that the other fields can be checked
    if not effective.HasField("steps"):
        effective.steps = preset.steps
    if not effective.HasField("learning_rate"):
        effective.learning_rate = preset.learning_rate
    _fill_choice(effective, "parametrization", PARAMETRIZATIONS, preset.parametrization, violations)
    _fill_choice(effective, "transforms", TRANSFORMS, preset.transforms, violations)
    _fill_choice(effective, "schedule", SCHEDULES, preset.schedule, violations)


def _fill_choice(
    effective: spec_pb2.RenderSpec, name: str, choices: Mapping[Name, int], default: Name, violations: Violations
) -> None:
    value = getattr(effective, name)
    if value == 0:  # absent or UNSPECIFIED, which mean the same
        setattr(effective, name, choices[default])
    elif value not in choices.values():
        violations.add(f"spec.{name}", f"{value} is not one of {', '.join(f'{v} ({k})' for k, v in choices.items())}")


def _fill_size(
    effective: spec_pb2.RenderSpec, model: Model | None, limits: Limits, violations: Violations
) -> Size | None:
    """Fill in and check the size, by the limits only; return it if it is valid."""
    if not effective.HasField("size"):
        layers = objective_spec.layers(effective.objective, model) if model is not None else []
        size = picture_size.default_size(model.native_size if model is not None else None, layers)
        effective.size.CopyFrom(to_message(size))
    size = from_message(effective.size)
    problem = picture_size.problem_with_limits(size, limits)
    if problem:
        violations.add("spec.size", problem)
    return None if problem else size


def _fill_numbers(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    """Fill in and check the other numbers."""
    if not effective.HasField("seed"):
        effective.seed = 0
    if violations.check_range("spec.steps", effective.steps, 1, limits.max_steps):
        _check_pixel_steps(effective, limits, violations)
    rate = effective.learning_rate
    if effective.HasField("learning_rate") and not (math.isfinite(rate) and 0 < rate <= MAX_LEARNING_RATE):
        violations.add("spec.learning_rate", f"{shown(rate)} is not more than 0 and at most {MAX_LEARNING_RATE}")


def _check_pixel_steps(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    size = from_message(effective.size)
    pixels = math.prod(size)
    if pixels * effective.steps > limits.max_pixel_steps and not picture_size.problem_with_limits(size, limits):
        most = limits.max_pixel_steps // pixels
        violations.add(
            "spec.steps",
            f"{effective.steps} at {described(size)} px are {pixels * effective.steps} pixels x steps and at most"
            f" {limits.max_pixel_steps} are made; at that size up to {most} steps",
        )


def _pin_model(effective: spec_pb2.RenderSpec, models: Mapping[str, Model], violations: Violations) -> Model | None:
    name = effective.model
    if not name:
        violations.add("spec.model", f"is required; {suggestion(name, list(models))}")
        return None
    if (model := models.get(name)) is None:
        violations.add_not_served("spec.model", unknown("model", name, models), kind="model", name=name)
        return None
    if effective.HasField("model_digest") and effective.model_digest != model.digest:
        problem = f"model {name!r} is served here with digest {model.digest}, not {shown(effective.model_digest)}"
        violations.add_not_served("spec.model_digest", problem, kind="model", name=f"{name}@{effective.model_digest}")
        return None
    effective.model_digest = model.digest
    return model


def _name(choices: Mapping[Name, int], value: int) -> Name:
    return next(name for name, number in choices.items() if number == value)
