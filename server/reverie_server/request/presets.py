"""Presets: named sets of values for the fields that a request leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_proto.v1 import optimizer_pb2 as opt
from reverie_proto.v1 import parametrization_pb2 as par
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1 import transform_pb2 as tra


@dataclass(frozen=True)
class Preset:
    """Values for the fields that decide how a picture is made; the spec has neither a model nor an objective."""

    description: str
    spec: spec_pb2.RenderSpec

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.spec.steps


FOURIER = par.Parametrization(fourier=par.FourierParametrization())
ADAM = opt.Optimizer(adam=opt.AdamOptimizer())
CONSTANT = opt.Schedule(constant=opt.ConstantSchedule())
ONE_CYCLE = opt.Schedule(one_cycle=opt.OneCycleSchedule())


def spec(
    steps: int,
    learning_rate: float,
    *,
    schedule: opt.Schedule = CONSTANT,
    parametrization: par.Parametrization = FOURIER,
    optimizer: opt.Optimizer = ADAM,
    transforms: tra.Transforms | None = None,
    views: int = 1,
) -> spec_pb2.RenderSpec:
    """Return the values of a preset."""
    return spec_pb2.RenderSpec(
        steps=steps,
        learning_rate=learning_rate,
        schedule=schedule,
        parametrization=parametrization,
        optimizer=optimizer,
        transforms=transforms or tra.Transforms(set="lucid"),
        views=views,
    )


PRESETS: Mapping[str, Preset] = {
    "reverie": Preset(
        "As exciting as lucid's pictures in less than a third of the steps: the step size rises and falls.",
        spec(160, 0.35, schedule=ONE_CYCLE),
    ),
    "quick": Preset("A first look: reverie with fewer steps.", spec(24, 0.7, schedule=ONE_CYCLE)),
    "best": Preset("The finest picture: reverie with more steps.", spec(512, 0.15, schedule=ONE_CYCLE)),
    "lucid": Preset(
        "Lucid's own: a Fourier spectrum with decorrelated colours, its standard random transforms, Adam at 0.05.",
        spec(512, 0.05),
    ),
}

DEFAULT_PRESET = "reverie"
