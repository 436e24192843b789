"""Scalar fields over the picture plane: coordinates, smooth noise, cells; each [size, size].

Every field is a function of the coordinates and a random generator, so it can be drawn at any size.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Rng = np.random.Generator


class Ink(NamedTuple):
    """The drawing of a motif: its coverage of each pixel, and the mix of its two colours; both in [0, 1]."""

    cover: Array
    tone: Array


class Placement(NamedTuple):
    """The range of a motif's placement: rotation in radians either way, zoom (larger means smaller), shift."""

    turn: float = math.pi
    zoom: tuple[float, float] = (0.7, 1.4)
    shift: float = 0.3


def place(size: int, placement: Placement, rng: Rng) -> tuple[Array, Array]:
    """Draw the coordinates u, v of every pixel: [-1, 1] rotated, zoomed, slightly stretched and shifted."""
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    turn = rng.uniform(-placement.turn, placement.turn)
    zoom = math.exp(rng.uniform(math.log(placement.zoom[0]), math.log(placement.zoom[1])))
    stretch = math.exp(rng.uniform(-0.15, 0.15))
    shift = rng.uniform(-placement.shift, placement.shift, 2)
    x, y = (axis - np.float32(shift[0]))[None, :], (axis - np.float32(shift[1]))[:, None]
    c, s = np.float32(math.cos(turn) * zoom), np.float32(math.sin(turn) * zoom)
    return (x * c - y * s) * np.float32(stretch), (x * s + y * c) / np.float32(stretch)


def edge(t: Array, width: float = 0.06) -> Array:
    """Convert a signed distance to coverage in [0, 1], soft over ``width``."""
    return np.asarray(np.clip(t / np.float32(width) + np.float32(0.5), 0, 1))


def polar(u: Array, v: Array) -> tuple[Array, Array]:
    """Return radius and angle."""
    return np.hypot(u, v), np.arctan2(v, u)


def turned(u: Array, v: Array, angle: float) -> tuple[Array, Array]:
    """Rotate the coordinates by ``angle`` radians."""
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return u * c - v * s, u * s + v * c


def noise(rng: Rng, size: int, cells: int) -> Array:
    """Draw smooth noise of about unit variance with ``cells`` bumps across the picture."""
    weights = _cubic(size, cells + 1)
    values = rng.standard_normal((cells + 1, cells + 1), dtype=np.float32)
    return np.float32(1.3) * (weights @ values @ weights.T)


def fractal_noise(rng: Rng, size: int, cells: int = 3, octaves: int = 4) -> Array:
    """Sum octaves of smooth noise, each twice as fine and 0.55 times as strong; about unit variance."""
    total = sum(noise(rng, size, cells * 2**k) * np.float32(0.55**k) for k in range(octaves))
    return np.asarray(total, np.float32) * np.float32(0.85)


def squash(t: Array) -> Array:
    """Map noise of unit variance to [0, 1]."""
    return np.float32(0.5) + np.float32(0.5) * np.tanh(t)


class Cells(NamedTuple):
    """For each pixel, the distances to the nearest and the second of scattered points, and the nearest one's number."""

    first: Array
    second: Array
    own: Array


def cells(u: Array, v: Array, rng: Rng, jitter: float = 0.8) -> Cells:
    """Scatter one point in each unit square and return the two nearest to every pixel (Worley 1996)."""
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    table = rng.random((64, 64, 3), dtype=np.float32)
    first = np.full(u.shape, 9, np.float32)
    second, own = first.copy(), np.zeros_like(first)
    fu, fv = u - i.astype(np.float32), v - j.astype(np.float32)
    margin = np.float32((1 - jitter) / 2)
    for a in (-1, 0, 1):
        for b in (-1, 0, 1):
            point = table[(i + a) & 63, (j + b) & 63]
            du = a + margin + point[..., 0] * np.float32(jitter) - fu
            dv = b + margin + point[..., 1] * np.float32(jitter) - fv
            d = du * du + dv * dv
            nearer = d < first
            second = np.where(nearer, first, np.minimum(second, d))
            own = np.where(nearer, point[..., 2], own)
            first = np.where(nearer, d, first)
    return Cells(np.sqrt(first), np.sqrt(second), own)


@cache
def _cubic(size: int, points: int) -> Array:
    """Catmull-Rom interpolation as a matrix [size, points], clamped at the ends."""
    at = (np.arange(size) + 0.5) / size * (points - 1)
    base = np.floor(at).astype(int)
    t = at - base
    weights = np.zeros((size, points))
    rows = np.arange(size)
    for offset, w in (
        (-1, -0.5 * t + t**2 - 0.5 * t**3),
        (0, 1 - 2.5 * t**2 + 1.5 * t**3),
        (1, 0.5 * t + 2 * t**2 - 1.5 * t**3),
        (2, -0.5 * t**2 + 0.5 * t**3),
    ):
        np.add.at(weights, (rows, np.clip(base + offset, 0, points - 1)), w)
    return weights.astype(np.float32)
