"""The ascent that steps are measured in: a channel's, by the default preset."""

from __future__ import annotations

from reverie_ascent.recipe import Recipe, Term
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS


def recipe(layer: str, size: int, channel: int) -> Recipe:
    """Return a recipe of more steps than anybody measures."""
    preset = PRESETS[DEFAULT_PRESET]
    return Recipe(
        terms=(Term("channel", layer, channel=channel),),
        size=size,
        steps=1_000_000,
        learning_rate=preset.learning_rate,
        seed=0,
        parametrization=preset.parametrization,
        transforms=preset.transforms,
        schedule=preset.schedule,
    )
