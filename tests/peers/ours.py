"""Our presets as the values of recipes, and what our graphs make of them in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from reverie_ascent.program.parametrizations import state_shape
from reverie_ascent.recipe.optimizer import Optimizer, Schedule
from reverie_ascent.recipe.parametrization import Parametrization
from reverie_ascent.recipe.transform import Transform
from reverie_proto.sizes import Size
from reverie_proto.v1 import spec_pb2
from reverie_server.limits import Limits
from reverie_server.request import optimizer_spec, parametrization_spec, transform_spec
from reverie_server.request.presets import PRESETS
from reverie_server.request.validation import Violations

from tests.ascent.exact import Array, Numbers
from tests.ascent.program.optimizers.steps import course
from tests.ascent.program.parametrizations.twins import forward

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Ours:
    """A preset, with every default filled in as for a request; ``canvas`` is 0 if the network sees whole pictures."""

    steps: int
    learning_rate: float
    schedule: Schedule
    optimizer: Optimizer
    parametrization: Parametrization
    transforms: tuple[Transform, ...]
    views: int
    canvas: int


def ours(name: str) -> Ours:
    """Return a preset."""
    spec, violations = spec_pb2.RenderSpec(), Violations()
    spec.CopyFrom(PRESETS[name].spec)
    parametrization_spec.complete(spec.parametrization, None, 3, violations, "parametrization")
    transform_spec.complete(spec.transforms, Limits(), violations, "transforms")
    optimizer_spec.complete(spec, Limits(), violations)
    violations.raise_if_any()
    return Ours(
        steps=spec.steps,
        learning_rate=spec.learning_rate,
        schedule=optimizer_spec.schedule(spec.schedule),
        optimizer=optimizer_spec.optimizer(spec.optimizer),
        parametrization=parametrization_spec.parametrization(spec.parametrization),
        transforms=transform_spec.transforms(spec.transforms),
        views=spec.views,
        canvas=spec.size.height_px,
    )


def as_a(kind: type[Kind], value: object) -> Kind:
    """Return a value, which must be of a kind."""
    assert isinstance(value, kind), value
    return value


def a_state(parametrization: Parametrization, size: Size, deviation: float = 1.0) -> Numbers:
    """Return a random state of one picture, in our own layout."""
    shape = state_shape(parametrization, size, 1)[1:]
    return np.random.default_rng(size).standard_normal(shape) * deviation


def picture(parametrization: Parametrization, state: Array, size: Size) -> Numbers:
    """Return the picture [C, H, W] that our graph decodes from a state."""
    return np.asarray(forward(parametrization, size)({"state": state[None]})["picture"][0])


def waves(state: Numbers, height: int) -> npt.NDArray[np.complex128]:
    """Return the spectrum [C, H, W // 2 + 1] that a state of our Fourier parametrization holds."""
    return state[:, :height] + 1j * state[:, height:]


def updates(preset: Ours, start: Numbers, gradient: Numbers, count: int = 3) -> list[Numbers]:
    """Return the states [A, B, C] after each of a preset's first steps, for a gradient that stays the same."""
    made = course(preset.optimizer, start[None], [gradient[None]] * count, preset.learning_rate, preset.schedule)
    return [each[0] for each in made]


def same(found: Sequence[Array], expected: Sequence[Array], tolerance: float = 1e-5) -> None:
    """Assert that arrays differ by no more than a tolerance."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)
