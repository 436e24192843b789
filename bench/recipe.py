"""The recipe whose steps are measured: a channel with the default preset."""

from __future__ import annotations

from reverie_ascent.recipe import Recipe, Term
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS


def recipe(layer: str, size: int, channel: int) -> Recipe:
    """Return a recipe with more steps than any benchmark runs."""
    preset = PRESETS[DEFAULT_PRESET]
    return Recipe(
        terms=(Term("channel", layer, channel=channel),),
        size=(size, size),
        steps=1_000_000,
        learning_rate=preset.learning_rate,
        seed=0,
        parametrization=preset.parametrization,
        transforms=preset.transforms,
        schedule=preset.schedule,
    )
