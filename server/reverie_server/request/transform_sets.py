"""Named lists of transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reverie_proto.v1 import transform_pb2 as pb


@dataclass(frozen=True)
class TransformSet:
    """A named list of transforms, with a sentence about it."""

    description: str
    steps: Sequence[pb.Transform]


def number_from(low: float, high: float) -> pb.RandomNumber:
    """Return a number uniform from ``low`` to ``high``."""
    return pb.RandomNumber(range=pb.NumberRange(low=low, high=high))


def one_of(*values: float) -> pb.RandomNumber:
    """Return one of some values, each equally likely."""
    return pb.RandomNumber(set=pb.NumberSet(values=values))


#: Lucid's standard transforms (optvis/transform.py: standard_transforms).
LUCID = (
    pb.Transform(pad=pb.PadTransform(px=12)),
    pb.Transform(jitter=pb.JitterTransform(px=8)),
    pb.Transform(scale=pb.ScaleTransform(factor=one_of(*(1 + (i - 5) / 50 for i in range(11))))),
    pb.Transform(rotate=pb.RotateTransform(degrees=one_of(*range(-10, 11), 0, 0, 0, 0, 0))),
    pb.Transform(jitter=pb.JitterTransform(px=4)),
)

TRANSFORM_SETS: Mapping[str, TransformSet] = {
    "none": TransformSet("The network sees the picture itself.", ()),
    "lucid": TransformSet(
        "Lucid's standard set: pad 12, jitter 8, scale 0.9 to 1.1, rotate -10 to 10 degrees, jitter 4.", LUCID
    ),
    "calm": TransformSet(
        "Small moves and sizes at mirrored borders, without turns, and a little noise.",
        (
            pb.Transform(pad=pb.PadTransform(px=8, mode="PAD_MODE_REFLECT")),
            pb.Transform(jitter=pb.JitterTransform(px=16)),
            pb.Transform(scale=pb.ScaleTransform(factor=number_from(0.95, 1.05), sampling="SAMPLING_HALF_PIXEL")),
            pb.Transform(noise=pb.NoiseTransform(deviation=0.05)),
        ),
    ),
}
