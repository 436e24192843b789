"""Named lists of transforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_ascent.recipe.transform import LUCID, Jitter, Noise, Pad, Roll, Scale, Transform, Uniform


@dataclass(frozen=True)
class TransformSet:
    """A named list of transforms, with a sentence about it."""

    description: str
    transforms: tuple[Transform, ...]


TRANSFORM_SETS: Mapping[str, TransformSet] = {
    "none": TransformSet("The network sees the picture itself.", ()),
    "lucid": TransformSet(
        "Lucid's standard set: pad 12, jitter 8, scale 0.9 to 1.1, rotate -10 to 10 degrees, jitter 4.", LUCID
    ),
    "jitter": TransformSet(
        "Small moves and sizes without turns, at mirrored borders, and a little noise.",
        (Pad(12, "reflect"), Jitter(16), Scale(Uniform(0.95, 1.05), sampling="half_pixel"), Noise(0.05)),
    ),
    "roll": TransformSet("Moves up to 32 pixels each way, around the edges.", (Roll(32),)),
}
