"""Transforms: the random changes of the picture before the network, in order.

Each is a set of numbers; `reverie_ascent.program.transforms` has what they do. ``LUCID`` is Lucid's standard list
(optvis/transform.py: standard_transforms).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from reverie_proto.sizes import Size

Sampling: TypeAlias = Literal["legacy", "half_pixel", "align_corners"]
Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest"]


@dataclass(frozen=True)
class Uniform:
    """A number drawn uniformly from ``low`` to ``high``."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """One of ``values``, each equally likely."""

    values: tuple[float, ...]


RandomNumber: TypeAlias = Uniform | OneOf


@dataclass(frozen=True)
class Pad:
    """A border of ``px`` on all sides: a constant ``value``, or the picture mirrored at its outermost pixels."""

    px: int
    mode: Literal["constant", "reflect"] = "constant"
    value: float = 0.5


@dataclass(frozen=True)
class Jitter:
    """Crop ``px`` rows and columns, a random part of them at the beginning."""

    px: int


@dataclass(frozen=True)
class Translate:
    """Move down and right by random whole numbers from ``low`` to ``high``; black moves in."""

    low: int
    high: int


@dataclass(frozen=True)
class Roll:
    """Move by random whole numbers from -``px`` to ``px``, each way; what leaves comes in on the other side."""

    px: int


@dataclass(frozen=True)
class Scale:
    """Resize by a random factor, or with ``separate`` by one for the height and one for the width."""

    factor: RandomNumber
    separate: bool = False
    sampling: Sampling = "legacy"
    interpolation: Interpolation = "bilinear"


@dataclass(frozen=True)
class Rotate:
    """Rotate around the middle by a random number of ``degrees``; black comes in."""

    degrees: RandomNumber
    interpolation: Literal["nearest", "bilinear"] = "nearest"


@dataclass(frozen=True)
class CropBox:
    """Resize a random box to the size that the network sees.

    The side is a share of the picture's, uniform in ``side``; or, with ``side_deviation``, normal around a mean that
    goes from ``side.high`` at the first step to ``side.low`` at the last, and at least ``side.low`` and at most 1. The
    centre is uniform over all places, or normal around the middle with ``centre_deviation`` as a share of the picture's
    side; the box stays inside.
    """

    side: Uniform
    side_deviation: float | None = None
    centre_deviation: float | None = None
    interpolation: Interpolation = "bilinear"


@dataclass(frozen=True)
class Center:
    """Keep the middle of height and width ``size``."""

    size: Size


@dataclass(frozen=True)
class Flip:
    """Mirror left and right with a ``probability``."""

    probability: float = 0.5


@dataclass(frozen=True)
class Noise:
    """Add normal numbers of standard deviation ``deviation`` and uniform ones from ``low`` to ``high``.

    ``fading`` noise falls in a straight line to 0 at the last step; ``per_channel`` is one number for each channel;
    ``clipped`` means that the result is clipped to 0..1.
    """

    deviation: float = 0.0
    low: float = 0.0
    high: float = 0.0
    fading: bool = False
    per_channel: bool = False
    clipped: bool = False


@dataclass(frozen=True)
class ColourShift:
    """x exp(s) + m for each channel, s uniform in +-``scale``, m in +-``offset``; ``inverse``: (x - m) / exp(s)."""

    scale: float = 1.0
    offset: float = 1.0
    inverse: bool = False


@dataclass(frozen=True)
class Blur:
    """Blur with a Gaussian of random ``deviation`` in pixels, cut off at ``kernel`` pixels."""

    deviation: Uniform
    kernel: int


@dataclass(frozen=True)
class Resize:
    """Resize to ``size``, or to the size that the network sees."""

    size: Size | None = None
    sampling: Sampling = "half_pixel"
    interpolation: Interpolation = "bilinear"


Transform: TypeAlias = (
    Pad | Jitter | Translate | Roll | Scale | Rotate | CropBox | Center | Flip | Noise | ColourShift | Blur | Resize
)

LUCID: tuple[Transform, ...] = (
    Pad(12),
    Jitter(8),
    Scale(OneOf(tuple(1 + (i - 5) / 50 for i in range(11)))),
    Rotate(OneOf((*range(-10, 11), 0, 0, 0, 0, 0))),
    Jitter(4),
)
