"""Iterated function systems: fractals drawn by the chaos game (Barnsley 1988).

Networks that are trained only on such fractals learn features like those of natural images (Kataoka et al. 2020). The
classic systems below are varied slightly from picture to picture, as in that paper, by scaling their coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from demo_model.fields import Array, Ink, Rng

POINTS = 12_000
VARIATIONS = 8

# One row per map: a, b, c, d, e, f of (x, y) -> (a x + b y + e, c x + d y + f).
Maps = list[tuple[float, float, float, float, float, float]]


def _similarities(scale: float, angles: list[float], at: list[tuple[float, float]]) -> Maps:
    """Return maps that shrink by ``scale``, turn by an angle in degrees and move."""
    rows: Maps = []
    for angle, (e, f) in zip(angles, at, strict=True):
        c, s = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
        rows.append((c, -s, s, c, e, f))
    return rows


def _around(count: int, scale: float, turn: float = 90) -> Maps:
    """Return one shrinking map towards each corner of a regular polygon."""
    corners = [math.radians(turn + 360 * k / count) for k in range(count)]
    return _similarities(scale, [0.0] * count, [(math.cos(a), math.sin(a)) for a in corners])


_CARPET = [(x / 3, y / 3) for x in (-2, 0, 2) for y in (-2, 0, 2) if (x, y) != (0, 0)]

SYSTEMS: dict[str, Maps] = {
    "fern": [
        (0, 0, 0, 0.16, 0, 0),
        (0.85, 0.04, -0.04, 0.85, 0, 1.6),
        (0.2, -0.26, 0.23, 0.22, 0, 1.6),
        (-0.15, 0.28, 0.26, 0.24, 0, 0.44),
    ],
    "gasket": _around(3, 0.5),
    "carpet": _similarities(1 / 3, [0.0] * 8, _CARPET),
    "pentaflake": _around(5, 0.382),
    "snowflake": [*_around(6, 1 / 3), (1 / 3, 0, 0, 1 / 3, 0, 0)],
    "dragon": _similarities(math.sqrt(0.5), [45, 135], [(0, 0), (1, 0)]),
    "tree": [
        (0.03, 0, 0, 0.45, 0, 0),
        (-0.03, 0, 0, -0.45, 0, 0.4),
        (0.56, -0.56, 0.56, 0.56, 0, 0.4),
        (0.56, 0.56, -0.56, 0.56, 0, 0.4),
    ],
    "maple": [
        (0.14, 0.01, 0, 0.51, -0.08, -1.31),
        (0.43, 0.52, -0.45, 0.5, 1.49, -0.75),
        (0.45, -0.49, 0.47, 0.47, -1.62, -0.74),
        (0.49, 0, 0, 0.51, 0.02, 1.62),
    ],
    "coral": [
        (0.308, -0.531, -0.461, -0.294, 5.401, 8.655),
        (0.308, -0.077, 0.154, -0.448, -1.295, 4.153),
        (0.0, 0.545, 0.692, -0.197, -4.893, 7.270),
    ],
    "galaxy": [(0.78, -0.42, 0.42, 0.78, 1.76, -0.4), (0.2, 0.14, -0.14, 0.2, -5.5, -1.0), (0.2, 0, 0, 0.2, 5.2, 3.0)],
}


def fractal(name: str) -> Callable[[Array, Array, Rng], Ink]:
    """Return the motif that draws the system called ``name``."""

    def draw(u: Array, v: Array, rng: Rng) -> Ink:
        """Scatter the system's points over the picture; brighter where they are dense."""
        points = _points(name)[int(rng.integers(VARIATIONS))]
        return _scatter(points, u, v)

    return draw


def _scatter(points: NDArray[np.float32], u: Array, v: Array) -> Ink:
    """Count points [n, 2] in the pixels of the coordinate grid u, v (an affine image of the pixel grid)."""
    size = u.shape[0]
    origin = np.array([u[0, 0], v[0, 0]])
    step = np.array([[u[0, -1] - u[0, 0], u[-1, 0] - u[0, 0]], [v[0, -1] - v[0, 0], v[-1, 0] - v[0, 0]]]) / (size - 1)
    at = np.floor((points - origin) @ np.linalg.inv(step).T + 0.5).astype(np.int64)
    at = at[((at >= 0) & (at < size)).all(axis=1)]
    counts = np.bincount(at[:, 1] * size + at[:, 0], minlength=size * size).reshape(size, size).astype(np.float32)
    spread = counts * np.float32((size / 192) ** 2)
    for axis in (0, 1):
        spread = spread + 0.7 * (np.roll(spread, 1, axis) + np.roll(spread, -1, axis))
    return Ink(np.clip(spread * 1.2, 0, 1), np.clip(np.log1p(spread) / 2.5, 0, 1))


@cache
def _points(name: str) -> list[NDArray[np.float32]]:
    """Play the chaos game for each variation; the points have zero mean and lie within about one unit."""
    rng = np.random.default_rng(sum(map(ord, name)))
    return [_chaos_game(np.array(SYSTEMS[name], np.float64), rng) for _ in range(VARIATIONS)]


def _chaos_game(maps: NDArray[np.float64], rng: Rng, walkers: int = 1_000) -> NDArray[np.float32]:
    """Run many walkers at once, each choosing maps in proportion to their area, and return their positions."""
    maps = maps * np.concatenate([rng.uniform(0.93, 1.03, (len(maps), 4)), np.ones((len(maps), 2))], axis=1)
    area = np.abs(maps[:, 0] * maps[:, 3] - maps[:, 1] * maps[:, 2]) + 0.01
    at = np.zeros((walkers, 2))
    kept = []
    for turn in range(20 + POINTS // walkers):
        m = maps[rng.choice(len(maps), walkers, p=area / area.sum())]
        at = np.stack([m[:, 0] * at[:, 0] + m[:, 1] * at[:, 1], m[:, 2] * at[:, 0] + m[:, 3] * at[:, 1]], 1) + m[:, 4:]
        if turn >= 20:
            kept.append(at)
    points = np.concatenate(kept)
    points = (points - np.median(points, axis=0)) * np.array([1, -1])
    return np.asarray(points / np.quantile(np.abs(points), 0.99) * 0.95, np.float32)
