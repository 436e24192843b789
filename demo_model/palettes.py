"""Natural colours: families of RGB values that occur together, and random choices from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_model.fields import Rng

Colour = NDArray[np.floating[Any]]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

PALETTES: dict[str, Colour] = {
    name: np.array([[int(colour[k : k + 2], 16) for k in (0, 2, 4)] for colour in colours.split()], np.float32) / 255
    for name, colours in {
        "leaf": "26461c 4a7028 78963c a8b860 34583a 5f8f3f",
        "autumn": "a8481c d08028 e0b040 7a3418 b86a30",
        "earth": "5c402c 8c6442 b89264 3e2e24 ceb288",
        "stone": "605e5a 8c8880 bab4a8 3e3e40 d2cec6",
        "sky": "6096ce 96c0e4 ccdeec 3a68a6 eef2f4",
        "sea": "143e5c 226884 54a0aa 96cec8 0c2440",
        "flower": "ce3c54 e87c96 f6c85a 9650aa f4ece2 e2602c",
        "sunset": "e8783c f6b45a b24650 60345a fcdea0",
        "brick": "964634 b25c42 783828 c47c5a a8523c",
        "fur": "785232 ac7c4e d6b282 402e24 ecdcc4",
        "snow": "f4f4f0 dfe6ee c6d2e0 ffffff b0bccc",
        "night": "181c2c 303450 0e1018 4a4262 22303a",
        "iris": "3a6ea0 5c8c6a 8a6a3c 7aa8c8 a89050",
    }.items()
}


def luma(colour: Colour) -> float:
    """Return the brightness of a colour."""
    return float(colour @ _LUMA)


def two_colours(rng: Rng, palette: str) -> Colour:
    """Choose two different colours [2, 3] of a family, each slightly varied in brightness and hue."""
    family = PALETTES[palette]
    pair = family[rng.choice(len(family), 2, replace=False)]
    light = rng.normal(0, 0.07, (2, 1))
    return np.clip(pair + light + rng.normal(0, 0.025, (2, 3)), 0, 1).astype(np.float32)


def apart(front: Colour, back: Colour, least: float = 0.25) -> tuple[Colour, Colour]:
    """Return two pairs of colours, made lighter and darker until their mean brightness differs by ``least``."""
    difference = luma(front.mean(axis=0)) - luma(back.mean(axis=0))
    distance = float(np.abs(front.mean(axis=0) - back.mean(axis=0)).max())
    lacking = least - max(abs(difference), 0.6 * distance)
    if lacking <= 0:
        return front, back
    push = np.float32(0.55 * lacking * (1 if difference >= 0 else -1))
    front, back = np.clip(front + push, 0, 1), np.clip(back - push, 0, 1)
    return front, back
