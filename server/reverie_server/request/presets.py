"""Presets: named sets of values for the fields that a request leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from reverie_server.request.peer_presets import PEERS
from reverie_server.request.preset import ONE_CYCLE, Preset, spec

PRESETS: Mapping[str, Preset] = {
    "reverie": Preset(
        "As exciting as lucid's pictures in less than a third of the steps: the step size rises and falls.",
        spec(160, 0.35, schedule=ONE_CYCLE),
    ),
    "quick": Preset("A first look: reverie with fewer steps.", spec(24, 0.7, schedule=ONE_CYCLE)),
    "best": Preset("The finest picture: reverie with more steps.", spec(512, 0.15, schedule=ONE_CYCLE)),
    **PEERS,
}

DEFAULT_PRESET = "reverie"
