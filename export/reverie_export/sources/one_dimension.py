"""The sentence for networks over one dimension: sound, sequences of DNA, series of measurements."""

from __future__ import annotations

import re
from typing import Any

# In torch's errors for an input of the wrong rank: of Conv1d, of its transpose, of the pools.
RAISED = re.compile(r"conv(_transpose)?1d|pool1d|Expected 2D or 3D|batched\) input|2D or 3D input")
LAYERS = (
    "AdaptiveAvgPool1d",
    "AdaptiveMaxPool1d",
    "AvgPool1d",
    "BatchNorm1d",
    "Conv1d",
    "ConvTranspose1d",
    "MaxPool1d",
)
PLANAR = ("Conv2d", "ConvTranspose2d")


def refusal(what: str) -> str:
    """Return why the network ``what`` is refused, and what can be done."""
    return (
        f"{what} is a network over one dimension, [N, C, L]; only networks for pictures, [N, C, H, W], are taken. Write"
        " its one-dimensional convolutions and poolings as two-dimensional ones of height 1, [N, C, 1, L]"
    )


def is_one_dimensional(module: Any, error: BaseException) -> bool:
    """Whether a torch module failed on a picture since it takes [N, C, L].

    It has one-dimensional convolutions or poolings and no two-dimensional ones, or torch's error speaks of them.
    """
    kinds = {type(part).__name__ for part in module.modules()}
    if not kinds.isdisjoint(PLANAR):
        return False
    return not kinds.isdisjoint(LAYERS) or bool(RAISED.search(str(error)))
