"""What a preset is, and the parts that presets share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reverie_proto.v1 import optimizer_pb2 as opt
from reverie_proto.v1 import parametrization_pb2 as par
from reverie_proto.v1 import size_pb2, spec_pb2
from reverie_proto.v1 import transform_pb2 as tra


@dataclass(frozen=True)
class Preset:
    """Values for the fields that decide how a picture is made; the spec has neither a model nor an objective.

    A preset whose spec has a size is one of a canvas: the network sees boxes of it, of its own default size.
    """

    description: str
    spec: spec_pb2.RenderSpec

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.spec.steps

    @property
    def has_canvas(self) -> bool:
        """Whether the network sees parts of a larger picture."""
        return self.spec.HasField("size")


FOURIER = par.Parametrization(fourier=par.FourierParametrization())
ADAM = opt.Optimizer(adam=opt.AdamOptimizer())
CONSTANT = opt.Schedule(constant=opt.ConstantSchedule())
ONE_CYCLE = opt.Schedule(one_cycle=opt.OneCycleSchedule())
COSINE = opt.Schedule(cosine=opt.CosineSchedule())


def spec(
    steps: int,
    learning_rate: float,
    *,
    schedule: opt.Schedule = CONSTANT,
    parametrization: par.Parametrization = FOURIER,
    optimizer: opt.Optimizer = ADAM,
    transforms: str | Iterable[tra.Transform] = "lucid",
    views: int = 1,
    canvas: int | None = None,
    penalties: Iterable[opt.Penalty] = (),
) -> spec_pb2.RenderSpec:
    """Return the values of a preset; ``transforms`` are a named set or a list."""
    chosen = tra.Transforms(set=transforms) if isinstance(transforms, str) else tra.Transforms(steps=transforms)
    return spec_pb2.RenderSpec(
        steps=steps,
        learning_rate=learning_rate,
        schedule=schedule,
        parametrization=parametrization,
        optimizer=optimizer,
        transforms=chosen,
        views=views,
        penalties=penalties,
        size=None if canvas is None else size_pb2.Size(height_px=canvas, width_px=canvas),
    )
