"""From a RenderSpec as the caller wrote it to an effective one: nothing left open, the model pinned by digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from reverie_ascent.recipe import Parametrization, Recipe, Schedule, Transforms
from reverie_proto.v1 import spec_pb2

from reverie_server.errors import shown
from reverie_server.limits import Limits
from reverie_server.request import objective
from reverie_server.request.digest import spec_digest
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS
from reverie_server.request.validation import Notes, nearest, unknown

if TYPE_CHECKING:  # it loads onnx
    from reverie_ascent.models.repository import Model

Name = TypeVar("Name")

DEFAULT_SIZE_PX = 224
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


@dataclass(frozen=True)
class Plan:
    """A valid spec, in the wire's words and in the core's."""

    model: Model
    recipe: Recipe
    effective: spec_pb2.RenderSpec
    digest: str

    @property
    def described(self) -> str:
        """The program that renders it, for the log."""
        layers = "+".join(dict.fromkeys(term.layer for term in self.recipe.terms))
        return f"{self.model.name} {layers} at {self.recipe.size} px"


def complete(
    spec: spec_pb2.RenderSpec, models: Mapping[str, Model], limits: Limits, notes: Notes
) -> spec_pb2.RenderSpec:
    """Return a copy of a spec with every default filled in; what is wrong with it goes into the notes."""
    effective = spec_pb2.RenderSpec()
    effective.CopyFrom(spec)
    _fill_preset(effective, notes)
    size_ok = _fill_numbers(effective, limits, notes)
    model = _pin_model(effective, models, notes)
    if model is not None:
        site = objective.Site(model, effective.size_px if size_ok else None, limits.max_terms, notes)
        objective.complete(effective.objective, site, "spec.objective")
    elif effective.objective.WhichOneof("kind") is None:
        notes.wrong("spec.objective", f"is required: one of {', '.join(objective.KINDS)}")
    return effective


def plan(effective: spec_pb2.RenderSpec, models: Mapping[str, Model]) -> Plan:
    """Translate an effective spec, which `complete` found nothing wrong with, into the core's words."""
    recipe = Recipe(
        terms=objective.terms(effective.objective),
        size=effective.size_px,
        steps=effective.steps,
        learning_rate=effective.learning_rate,
        seed=effective.seed,
        parametrization=_name(PARAMETRIZATIONS, effective.parametrization),
        transforms=_name(TRANSFORMS, effective.transforms),
        schedule=_name(SCHEDULES, effective.schedule),
    )
    return Plan(models[effective.model], recipe, effective, spec_digest(effective))


def _fill_preset(effective: spec_pb2.RenderSpec, notes: Notes) -> None:
    if not effective.HasField("preset"):
        effective.preset = DEFAULT_PRESET
    preset = PRESETS.get(effective.preset)
    if preset is None:
        notes.wrong("spec.preset", unknown("preset", effective.preset, PRESETS))
        preset = PRESETS[DEFAULT_PRESET]  # so that the rest can be looked at
    if not effective.HasField("steps"):
        effective.steps = preset.steps
    if not effective.HasField("learning_rate"):
        effective.learning_rate = preset.learning_rate
    _fill_choice(effective, "parametrization", PARAMETRIZATIONS, preset.parametrization, notes)
    _fill_choice(effective, "transforms", TRANSFORMS, preset.transforms, notes)
    _fill_choice(effective, "schedule", SCHEDULES, preset.schedule, notes)


def _fill_choice(
    effective: spec_pb2.RenderSpec, name: str, choices: Mapping[Name, int], default: Name, notes: Notes
) -> None:
    value = getattr(effective, name)
    if value == 0:  # absent, or set to UNSPECIFIED: the same
        setattr(effective, name, choices[default])
    elif value not in choices.values():
        notes.wrong(f"spec.{name}", f"{value} is not one of {', '.join(f'{v} ({k})' for k, v in choices.items())}")


def _fill_numbers(effective: spec_pb2.RenderSpec, limits: Limits, notes: Notes) -> bool:
    """Return whether the size makes sense."""
    if not effective.HasField("size_px"):
        effective.size_px = DEFAULT_SIZE_PX
    if not effective.HasField("seed"):
        effective.seed = 0
    if notes.within("spec.steps", effective.steps, 1, limits.max_steps):
        _check_pixel_steps(effective, limits, notes)
    rate = effective.learning_rate
    if effective.HasField("learning_rate") and not (math.isfinite(rate) and 0 < rate <= MAX_LEARNING_RATE):
        notes.wrong("spec.learning_rate", f"{shown(rate)} is not more than 0 and at most {MAX_LEARNING_RATE}")
    return notes.within("spec.size_px", effective.size_px, limits.min_size_px, limits.max_size_px)


def _check_pixel_steps(effective: spec_pb2.RenderSpec, limits: Limits, notes: Notes) -> None:
    pixels = effective.size_px**2
    if pixels * effective.steps > limits.max_pixel_steps and effective.size_px <= limits.max_size_px:
        most = limits.max_pixel_steps // pixels
        notes.wrong(
            "spec.steps",
            f"{effective.steps} at {effective.size_px} px are {pixels * effective.steps} pixels x steps and at most"
            f" {limits.max_pixel_steps} are made; at that size up to {most} steps",
        )


def _pin_model(effective: spec_pb2.RenderSpec, models: Mapping[str, Model], notes: Notes) -> Model | None:
    name = effective.model
    if not name:
        notes.wrong("spec.model", f"is required; {nearest(name, list(models))}")
        return None
    if (model := models.get(name)) is None:
        notes.absent("spec.model", unknown("model", name, models), kind="model", name=name)
        return None
    if effective.HasField("model_digest") and effective.model_digest != model.digest:
        problem = f"model {name!r} is served here with digest {model.digest}, not {shown(effective.model_digest)}"
        notes.absent("spec.model_digest", problem, kind="model", name=f"{name}@{effective.model_digest}")
        return None
    effective.model_digest = model.digest
    return model


def _name(choices: Mapping[Name, int], value: int) -> Name:
    return next(name for name, number in choices.items() if number == value)
