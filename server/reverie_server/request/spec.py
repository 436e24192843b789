"""Makes effective specs: a caller's RenderSpec with every default filled in and the model pinned by digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from reverie_ascent.recipe import Recipe
from reverie_proto.sizes import Size, described, from_message, to_message
from reverie_proto.v1 import spec_pb2

from reverie_server.errors import shown
from reverie_server.limits import Limits
from reverie_server.request import (
    combinations,
    objective_spec,
    objective_terms,
    optimizer_spec,
    parametrization_spec,
    picture_size,
    transform_spec,
)
from reverie_server.request.fields import Fields, Flag, Number, fill
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS
from reverie_server.request.validation import Violations, suggestion, unknown

if TYPE_CHECKING:  # importing it loads onnx
    from reverie_ascent.models.repository import Model

MAX_LEARNING_RATE = 100
MAX_ACTIVATION = 1e30


def complete(
    spec: spec_pb2.RenderSpec, models: Mapping[str, Model], limits: Limits, violations: Violations
) -> spec_pb2.RenderSpec:
    """Return a copy of a spec with every default filled in; add its violations to `violations`."""
    effective = spec_pb2.RenderSpec()
    effective.CopyFrom(spec)
    _fill_preset(effective, violations)
    model = _pin_model(effective, models, violations)
    size = _fill_size(effective, model, limits, violations)
    seen = _fill_view_size(effective, size, model, limits, violations)
    _fill_counts(effective, limits, violations)
    _fill_numbers(effective, limits, violations)
    channels = model.channels if model is not None else None
    place = "spec.parametrization"
    parametrization_spec.complete(effective.parametrization, size, channels, violations, place)
    transform_spec.complete(effective.transforms, limits, violations, "spec.transforms")
    optimizer_spec.complete(effective, limits, violations)
    if model is not None:
        context = objective_spec.ObjectiveContext(
            model,
            seen,
            limits.max_terms,
            effective.pictures,
            violations,
            "spec.view_size" if effective.HasField("view_size") else "spec.size",
        )
        objective_spec.complete(effective.objective, context, "spec.objective")
    elif effective.objective.WhichOneof("kind") is None:
        violations.add("spec.objective", f"is required: one of {', '.join(objective_spec.KINDS)}")
    combinations.check(effective, size, seen, violations)
    given = _numbers(effective.objective) + len(effective.parametrization.maco.magnitude.measured.values)
    violations.check_range("spec", given, 0, limits.max_numbers, because=" numbers of vectors, masks and activations")
    return effective


def _numbers(message: Message) -> int:
    """Return how many numbers the lists of a message and of its parts hold."""
    count = 0
    for field, value in message.ListFields():
        if isinstance(value, Message):
            count += _numbers(value)
        elif field.message_type is not None:
            count += sum(map(_numbers, value))
        elif not isinstance(value, int | float | str):
            count += len(value)
    return count


def recipe(effective: spec_pb2.RenderSpec) -> Recipe:
    """Return the recipe of a valid effective spec, made by `complete`."""
    objective = objective_terms.terms(effective.objective, effective.pictures)
    return Recipe(
        terms=tuple(objective.terms),
        products=tuple(objective.products),
        size=from_message(effective.size),
        view_size=from_message(effective.view_size) if effective.HasField("view_size") else None,
        steps=effective.steps,
        learning_rate=effective.learning_rate,
        seed=effective.seed,
        parametrization=parametrization_spec.parametrization(effective.parametrization),
        transforms=transform_spec.transforms(effective.transforms),
        schedule=optimizer_spec.schedule(effective.schedule),
        optimizer=optimizer_spec.optimizer(effective.optimizer),
        penalties=tuple(optimizer_spec.penalty(each) for each in effective.penalties if each.weight),
        views=effective.views,
        pictures=effective.pictures,
        best_of=effective.best_of,
        stop_at=effective.stop_at if effective.HasField("stop_at") else None,
        importance=effective.importance,
        robustness=effective.robustness,
        alpha=effective.alpha,
    )


def _fill_preset(effective: spec_pb2.RenderSpec, violations: Violations) -> None:
    """Take over the values of the preset for the fields that are absent."""
    if not effective.HasField("preset"):
        effective.preset = DEFAULT_PRESET
    preset = PRESETS.get(effective.preset)
    if preset is None:
        violations.add("spec.preset", unknown("preset", effective.preset, PRESETS))
        preset = PRESETS[DEFAULT_PRESET]  # so that the other fields can be checked
    for field, value in preset.spec.ListFields():
        name = field.name
        if name == "penalties":
            if not effective.penalties:
                effective.penalties.extend(value)
        elif _is_absent(effective, name):
            if field.message_type is not None:
                getattr(effective, name).CopyFrom(value)
            else:
                setattr(effective, name, value)


def _is_absent(effective: spec_pb2.RenderSpec, name: str) -> bool:
    """Return whether a field is absent; a message with an empty oneof ``kind`` counts as absent."""
    if not effective.HasField(name):
        return True
    value = getattr(effective, name)
    return name in ("parametrization", "schedule", "optimizer") and value.WhichOneof("kind") is None


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


def _fill_view_size(
    effective: spec_pb2.RenderSpec, size: Size | None, model: Model | None, limits: Limits, violations: Violations
) -> Size | None:
    """Check the size that the network sees, by the limits only; return it if it is valid, None otherwise."""
    preset = PRESETS.get(effective.preset)
    has_canvas = preset is not None and preset.has_canvas
    if not effective.HasField("view_size"):
        if size is None or not has_canvas:
            return size
        layers = objective_spec.layers(effective.objective, model) if model is not None else []
        own = picture_size.default_size(model.native_size if model is not None else None, layers)
        effective.view_size.CopyFrom(to_message((min(own[0], size[0]), min(own[1], size[1]))))
    seen = from_message(effective.view_size)
    if problem := picture_size.problem_with_limits(seen, limits):
        violations.add("spec.view_size", problem)
        return None
    if seen == size and not has_canvas:  # of a canvas an absent size is the model's own
        effective.ClearField("view_size")
    return seen


def _fill_counts(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    fields: Fields = {
        "views": Number(1, limits.max_views, 1),
        "pictures": Number(1, limits.max_pictures, 1),
        "best_of": Number(1, limits.max_best_of, 1),
        "importance": Flag(),
        "robustness": Flag(),
        "alpha": Flag(),
    }
    fill(effective, "spec", fields, violations)
    together = effective.views * effective.pictures
    if together > limits.max_network_pictures and effective.pictures <= limits.max_pictures:
        most = limits.max_network_pictures // max(1, effective.pictures)
        problem = f"{effective.views} of {effective.pictures} pictures are {together}, and the network sees at most"
        violations.add("spec.views", f"{problem} {limits.max_network_pictures} at once; up to {most} views of each")
    if effective.HasField("stop_at"):
        violations.check_range("spec.stop_at", effective.stop_at, -MAX_ACTIVATION, MAX_ACTIVATION)


def _fill_numbers(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    """Fill in and check the other numbers."""
    if not effective.HasField("seed"):
        effective.seed = 0
    if violations.check_range("spec.steps", effective.steps, 1, limits.max_steps):
        _check_pixel_steps(effective, limits, violations)
    rate = effective.learning_rate
    if effective.HasField("learning_rate") and not (math.isfinite(rate) and 0 < rate <= MAX_LEARNING_RATE):
        violations.add("spec.learning_rate", f"{shown(rate)} is not more than 0 and at most {MAX_LEARNING_RATE}")


def pixels_per_step(effective: spec_pb2.RenderSpec) -> int:
    """Return the pixels that the network sees at each step, in all attempts that are made one after the other."""
    seen = effective.view_size if effective.HasField("view_size") else effective.size
    counts = max(1, effective.views) * max(1, effective.pictures) * max(1, effective.best_of)
    return math.prod(from_message(seen)) * counts


def _check_pixel_steps(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    size = from_message(effective.size)
    if picture_size.problem_with_limits(size, limits):
        return
    pixels = max(math.prod(size), pixels_per_step(effective))
    if pixels * effective.steps > limits.max_pixel_steps:
        most = limits.max_pixel_steps // pixels
        many = "" if pixels == math.prod(size) else " with its views, pictures and attempts"
        violations.add(
            "spec.steps",
            f"{effective.steps} at {described(size)} px{many} are {pixels * effective.steps} pixels x steps and at most"
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
