"""Presets: named sets of values for the fields that a request leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_ascent.recipe import Parametrization, Schedule, Transforms


@dataclass(frozen=True)
class Preset:
    """Values for the fields that decide how a picture is made."""

    description: str
    steps: int
    learning_rate: float
    schedule: Schedule
    parametrization: Parametrization = "fourier"
    transforms: Transforms = "lucid"


PRESETS: Mapping[str, Preset] = {
    "reverie": Preset(
        "As exciting as lucid's pictures in less than a third of the steps: the step size rises and falls.",
        steps=160,
        learning_rate=0.35,
        schedule="one_cycle",
    ),
    "quick": Preset("A first look: reverie with fewer steps.", steps=24, learning_rate=0.7, schedule="one_cycle"),
    "best": Preset("The finest picture: reverie with more steps.", steps=512, learning_rate=0.15, schedule="one_cycle"),
    "lucid": Preset(
        "Lucid's own: a Fourier spectrum with decorrelated colours, its standard random transforms, Adam at 0.05.",
        steps=512,
        learning_rate=0.05,
        schedule="constant",
    ),
}

DEFAULT_PRESET = "reverie"
