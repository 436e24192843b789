"""Named ways to make a picture: what a request leaves out, its preset fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_server.recipe import Parametrization, Transforms


@dataclass(frozen=True)
class Preset:
    """One named choice of parametrization, transforms and step size."""

    description: str
    parametrization: Parametrization
    transforms: Transforms
    learning_rate: float


PRESETS: Mapping[str, Preset] = {
    "lucid": Preset(
        "Lucid's own: a Fourier spectrum with decorrelated colours, its standard random transforms, Adam at 0.05.",
        parametrization="fourier",
        transforms="lucid",
        learning_rate=0.05,
    ),
}

DEFAULT_PRESET = "lucid"
