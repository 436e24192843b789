"""Draws one image of one class: motif, colours, relief, light, and an occlusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demo_model.fields import Array, Placement, Rng, edge, fractal_noise, noise, place, squash
from demo_model.motifs import MOTIFS
from demo_model.palettes import PALETTES, apart, two_colours

OVERSAMPLING = 2
"""Images are drawn this many times larger and averaged down, so that the network cannot learn from jagged edges."""

NATURAL = 0.75
"""How often a motif has its natural colours; otherwise it has those of any two families."""

_FAMILIES = tuple(PALETTES)


def draw(label: int, *, seed: int, size: int) -> NDArray[np.float32]:
    """Draw an image of class ``label``; the same arguments give the same image.

    Returns:
        RGB float32 [size, size, 3] in [0, 1].
    """
    rng = np.random.default_rng([seed, label])
    motif, fine = MOTIFS[label], size * OVERSAMPLING
    natural = rng.random() < NATURAL
    front = two_colours(rng, str(rng.choice(motif.front if natural else _FAMILIES)))
    back = two_colours(rng, str(rng.choice(motif.back if natural else _FAMILIES)))
    front, back = apart(front, back)

    u, v = place(fine, motif.placement, rng)
    ink = motif.draw(u.astype(np.float32), v.astype(np.float32), rng)
    ground = squash(fractal_noise(rng, fine, int(rng.integers(1, 5)))) * np.float32(rng.uniform(0.2, 0.9))
    image = _mix(_mix(back[0], back[1], ground), _mix(front[0], front[1], ink.tone), ink.cover)
    image *= _light(rng, fine, ink.cover * (np.float32(0.6) + np.float32(0.4) * ink.tone))[..., None]
    if rng.random() < 0.25:
        image = _hide(image, rng)
    small = image.reshape(size, OVERSAMPLING, size, OVERSAMPLING, 3).mean(axis=(1, 3))
    return np.asarray(np.clip(small, 0, 1), np.float32)


def labelled(index: int) -> int:
    """Return the class of the ``index``-th image of any series; the classes alternate."""
    return index % len(MOTIFS)


def _mix(a: Array, b: Array, share: Array) -> Array:
    """Return colours from ``a`` (share 0) to ``b`` (share 1) as [size, size, 3]."""
    return np.asarray(a + (b - a) * share[..., None], np.float32)


def _light(rng: Rng, size: int, height: Array) -> Array:
    """Return the brightness of each pixel: a gradual fall-off of the light, and relief from the motif's height."""
    lamp = 1 + np.float32(rng.uniform(0.05, 0.2)) * noise(rng, size, 1)
    if rng.random() < 0.5:
        return lamp
    reach = max(1, size // 64)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.float32(np.cos(angle)) * (height - np.roll(height, reach, 0))
    slope = slope + np.float32(np.sin(angle)) * (height - np.roll(height, reach, 1))
    return lamp + np.float32(rng.uniform(0.1, 0.35)) * np.clip(slope, -1, 1)


def _hide(image: Array, rng: Rng) -> Array:
    """Cover a part of the image with a round or square patch of other colours."""
    size = image.shape[0]
    u, v = place(size, Placement(zoom=(1, 1), shift=0.8), rng)
    reach = np.float32(rng.uniform(0.15, 0.4))
    distance = np.hypot(u, v) if rng.random() < 0.5 else np.maximum(np.abs(u), np.abs(v))
    pair = two_colours(rng, str(rng.choice(_FAMILIES)))
    patch = _mix(pair[0], pair[1], squash(noise(rng, size, 4)))
    return _mix(image, patch, edge(reach - distance, 0.05))
