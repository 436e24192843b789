"""Motifs of shapes, symbols, rounds and plants: one or a few things on a background. Each returns its ink."""

from __future__ import annotations

import math

import numpy as np

from demo_model.fields import Array, Ink, Rng, edge, noise, polar, squash, turned

# ----- rounds -----


def rings(u: Array, v: Array, rng: Rng) -> Ink:
    """Circles within circles, to the picture's edge."""
    r = np.hypot(u, v)
    return Ink(edge(np.sin(r * np.float32(rng.uniform(13, 17)) + np.float32(rng.uniform(0, 6))), 0.4), np.clip(r, 0, 1))


def spiral(u: Array, v: Array, rng: Rng) -> Ink:
    """Two arms that wind outwards, either way."""
    r, a = polar(u, v)
    return Ink(edge(np.sin(a * 2 * np.float32(rng.choice([-1, 1])) + r * 13), 0.5), np.clip(r, 0, 1))


def shell(u: Array, v: Array, rng: Rng) -> Ink:
    """A snail's logarithmic spiral with ridges across its coil."""
    r, a = polar(u, v * np.float32(rng.choice([-1, 1])))
    turn = np.mod(np.log(r + 1e-3) * 1.15 - a / (2 * math.pi), 1)
    coil = np.minimum(turn, 1 - turn)
    ridge = 0.5 + 0.5 * np.sin(a * 16 + 3 * turn)
    return Ink(edge(0.95 - r, 0.05) * edge(coil - 0.06, 0.07), np.clip(coil * 1.6, 0, 1) * (0.4 + 0.6 * ridge))


def rays(u: Array, v: Array, rng: Rng) -> Ink:
    """A sunburst."""
    r, a = polar(u, v)
    count = int(rng.integers(8, 13))
    return Ink(edge(np.sin(a * count) * np.minimum(r * 4, 1), 0.4), np.clip(1 - r, 0, 1))


def cobweb(u: Array, v: Array, rng: Rng) -> Ink:
    """Thin radii joined by sagging threads."""
    r, a = polar(u, v)
    count = int(rng.integers(8, 11))
    sector = np.abs(np.mod(a * count / (2 * math.pi), 1) - 0.5)
    threads = 0.13 - np.abs(np.mod(r * 5 * (1 - 0.25 * np.cos(sector * math.pi)), 1) - 0.5)
    radii = 0.03 - (0.5 - sector) * r * 2 * math.pi / count
    return Ink(np.maximum(edge(threads, 0.1), edge(radii, 0.03)), np.clip(r, 0, 1))


def eye(u: Array, v: Array, rng: Rng) -> Ink:
    """Dark pupil, streaked iris, dark rim, white ball in an almond of lids."""
    r, a = polar(u, v)
    lids = 0.62 - np.abs(v) - 0.45 * (u / 1.1) ** 2
    iris, pupil = np.float32(rng.uniform(0.42, 0.5)), np.float32(rng.uniform(0.15, 0.22))
    streaks = 0.45 + 0.2 * np.cos(a * 22 + 3 * r)
    tone = np.where(r < pupil, 0, np.where(r < iris, streaks, np.where(r < iris + 0.07, 0.05, 1)))
    glint = edge(0.07 - np.hypot(u + 0.12, v + 0.12), 0.04)
    return Ink(edge(lids, 0.05), np.maximum(tone, glint).astype(np.float32))


def target(u: Array, v: Array, rng: Rng) -> Ink:
    """A round owl's eye: pupil, pale ring, dark ring."""
    r, a = polar(u, v)
    tone = np.where(r < 0.27, 0, np.where(r < 0.56, 0.85 + 0.15 * np.cos(a * 18), 0.25)).astype(np.float32)
    return Ink(edge(np.float32(rng.uniform(0.7, 0.78)) - r, 0.05), tone)


def face(u: Array, v: Array, rng: Rng) -> Ink:
    """Two eyes and a beak on a round head."""
    gap = np.float32(rng.uniform(0.3, 0.36))
    r = np.hypot(np.abs(u) - gap, v + 0.15)
    beak = edge(0.16 - np.abs(u) * 1.4 - np.abs(v - 0.3) * 0.8, 0.05)
    tone = np.where(r < 0.11, 0, np.where(r < 0.25, 1, np.where(r < 0.31, 0.1, 0.5))).astype(np.float32)
    return Ink(edge(0.85 - np.hypot(u, v * 0.95), 0.05), tone * (1 - beak))


# ----- shapes and symbols -----


def ball(u: Array, v: Array, rng: Rng) -> Ink:
    """A lit sphere."""
    r = np.hypot(u, v) / 0.65
    x, y = rng.uniform(-0.4, 0.4, 2)
    lit = 1 - np.hypot(u - np.float32(x), v - np.float32(y)) / 1.1
    return Ink(edge(1 - r, 0.07), np.clip(lit, 0, 1))


def hoop(u: Array, v: Array, rng: Rng) -> Ink:
    """One thick ring."""
    d = np.abs(np.hypot(u, v) - 0.58) / np.float32(rng.uniform(0.16, 0.24))
    return Ink(edge(1 - d, 0.25), 1 - np.clip(d, 0, 1))


def crescent(u: Array, v: Array, rng: Rng) -> Ink:
    """A young moon."""
    moon = np.minimum(0.72 - np.hypot(u, v), np.hypot(u - np.float32(rng.uniform(0.3, 0.4)), v) - 0.56)
    return Ink(edge(moon), squash(v * 2))


def triangle(u: Array, v: Array, rng: Rng) -> Ink:
    """Three equal sides."""
    d = np.maximum(v, np.maximum(-0.5 * v + 0.866 * u, -0.5 * v - 0.866 * u))
    return Ink(edge(np.float32(rng.uniform(0.4, 0.46)) - d), squash(v * 2))


def square(u: Array, v: Array, rng: Rng) -> Ink:
    """Four equal sides."""
    return Ink(edge(np.float32(rng.uniform(0.52, 0.6)) - np.maximum(np.abs(u), np.abs(v))), squash(v * 2))


def plus(u: Array, v: Array, rng: Rng) -> Ink:
    """Two bars that cross."""
    arm = np.float32(rng.uniform(0.17, 0.24))
    a, b = np.abs(u), np.abs(v)
    return Ink(edge(np.maximum(np.minimum(arm - a, 0.8 - b), np.minimum(arm - b, 0.8 - a))), squash(v * 2))


def star(u: Array, v: Array, rng: Rng) -> Ink:
    """Five sharp points."""
    r, a = polar(u, v)
    sector = np.abs(np.mod(a / (2 * math.pi) * 5, 1) - 0.5) * 2
    d = 0.84 - r * (1 + np.float32(rng.uniform(1.2, 1.5)) * sector)
    return Ink(edge(d, 0.1), squash(1 - 3 * sector))


def heart(u: Array, v: Array, rng: Rng) -> Ink:
    """A heart."""
    x, y = np.abs(u) * 1.15, -v * 1.15 + 0.25
    d = 0.72 - np.hypot(x, y - 0.62 * np.sqrt(x + 1e-4))
    return Ink(edge(d, 0.06), np.clip(0.4 + d, 0, 1))


def arrow(u: Array, v: Array, rng: Rng) -> Ink:
    """A shaft with a head."""
    shaft = np.minimum(np.float32(rng.uniform(0.12, 0.18)) - np.abs(v), np.minimum(u + 0.85, 0.2 - u))
    head = np.minimum(u - 0.1, (0.85 - u) * 0.72 - np.abs(v))
    return Ink(edge(np.maximum(shaft, head), 0.05), squash(u * 2))


def gear(u: Array, v: Array, rng: Rng) -> Ink:
    """A toothed wheel with a hole."""
    r, a = polar(u, v)
    teeth = np.float32(0.62) + np.clip(np.sin(a * int(rng.integers(8, 12))) * 3, -1, 1) * np.float32(0.1)
    return Ink(edge(np.minimum(teeth - r, r - 0.25), 0.05), np.clip(r * 1.4, 0, 1))


# ----- plants -----


def _petals(u: Array, v: Array, count: int, slim: float) -> Ink:
    """Return a flower of ``count`` petals around a heart of the other colour."""
    r, a = polar(u, v)
    lobe = np.abs(np.cos(a * np.float32(count / 2)))
    d = 0.25 + 0.65 * lobe ** np.float32(slim) - r
    tone = np.where(r < 0.2, 0, np.clip(0.35 + 0.65 * r + 0.3 * (lobe - 1), 0, 1))
    return Ink(edge(d, 0.08), tone.astype(np.float32))


def petals3(u: Array, v: Array, rng: Rng) -> Ink:
    """Three broad petals."""
    return _petals(u, v, 3, rng.uniform(0.9, 1.3))


def petals5(u: Array, v: Array, rng: Rng) -> Ink:
    """Five round petals."""
    return _petals(u, v, 5, rng.uniform(0.7, 1.0))


def petals8(u: Array, v: Array, rng: Rng) -> Ink:
    """Eight petals."""
    return _petals(u, v, 8, rng.uniform(0.7, 1.0))


def daisy(u: Array, v: Array, rng: Rng) -> Ink:
    """Many slim petals around a wide disc."""
    r, a = polar(u, v)
    lobe = np.abs(np.cos(a * np.float32(rng.integers(8, 11))))
    ray = np.minimum(lobe - 0.35, 0.88 - r) + 0.1 * (r < 0.4)
    disc = edge(0.34 - r, 0.05)
    return Ink(np.maximum(edge(ray, 0.25) * edge(0.9 - r, 0.05), disc), 1 - disc)


def _blade(u: Array, v: Array, width: float) -> Ink:
    """Return one leaf along v from -0.9 to 0.9 with a midrib and side veins."""
    t = np.clip((v + 0.9) / 1.8, 0, 1)
    half = np.float32(width) * np.sin(math.pi * t**0.8)
    d = half - np.abs(u)
    rib = edge(0.03 - np.abs(u), 0.03)
    veins = 0.5 + 0.5 * np.cos((v + np.abs(u) * 0.9) * 24)
    stalk = np.minimum(0.04 - np.abs(u), np.minimum(v + 1.15, -v - 0.8))
    return Ink(np.maximum(edge(d, 0.05), edge(stalk, 0.03)), np.maximum(rib, 0.55 * veins**3).astype(np.float32))


def leaf(u: Array, v: Array, rng: Rng) -> Ink:
    """One veined leaf."""
    return _blade(u, v, rng.uniform(0.38, 0.55))


def foliage(u: Array, v: Array, rng: Rng) -> Ink:
    """Many small leaves, every way."""
    cover, tone = np.zeros_like(u), np.zeros_like(u)
    for k in range(14):
        a, b = turned(u - np.float32(rng.uniform(-1, 1)), v - np.float32(rng.uniform(-1, 1)), rng.uniform(0, 6.28))
        one = _blade(a * 2.2, b * 2.2, 0.42)
        cover = np.maximum(cover, one.cover)
        tone = np.where(one.cover > 0.5, one.tone * 0.5 + np.float32(k / 28), tone)
    return Ink(cover, tone)


def feather(u: Array, v: Array, rng: Rng) -> Ink:
    """A quill with slanting barbs and a few gaps."""
    bent = u - np.float32(rng.uniform(-0.25, 0.25)) * v * v
    t = np.clip((v + 0.75) / 1.65, 0, 1)
    half = np.float32(rng.uniform(0.3, 0.38)) * np.clip(np.sin(math.pi * t**0.6), 0, 1) ** 0.7
    barbs = np.sin((v - np.abs(bent) * 1.6) * 38)
    split = 0.12 * np.maximum(0, noise(rng, u.shape[0], 6) - 0.8)
    vane = edge(half - split - np.abs(bent), 0.05) * edge(barbs + 0.75, 0.7)
    quill = np.minimum(0.035 - np.abs(bent), np.minimum(v + 1.1, 0.85 - v))
    return Ink(np.maximum(vane, edge(quill, 0.03)), np.clip(edge(quill, 0.03) + 0.4 * (barbs > 0.3), 0, 1))
