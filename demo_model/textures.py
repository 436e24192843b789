"""Motifs of textures: patterns that fill the picture. Each takes coordinates and a generator and returns its ink."""

from __future__ import annotations

import math

import numpy as np

from demo_model.fields import Array, Ink, Rng, cells, edge, fractal_noise, noise, squash, turned


def stripes(u: Array, v: Array, rng: Rng) -> Ink:
    """Straight bands."""
    return Ink(edge(np.sin(u * 11) + np.float32(rng.uniform(-0.3, 0.3)), 0.4), squash(v))


def zigzag(u: Array, v: Array, rng: Rng) -> Ink:
    """Bands with sharp corners."""
    fold = np.abs(np.mod(v * 1.6, 2) - 1)
    return Ink(edge(np.sin((u + fold * np.float32(rng.uniform(0.6, 0.9))) * 11), 0.4), squash(v))


def waves(u: Array, v: Array, rng: Rng) -> Ink:
    """Bands that swing."""
    swing = np.float32(rng.uniform(1.6, 2.4)) * np.sin(v * 6)
    t = np.sin(u * 11 + swing)
    return Ink(edge(t, 1.2), squash(t))


def checks(u: Array, v: Array, rng: Rng) -> Ink:
    """A chessboard."""
    return Ink(edge(np.sin(u * 8) * np.sin(v * 8), 0.15), squash(u + np.float32(rng.normal())))


def tartan(u: Array, v: Array, rng: Rng) -> Ink:
    """Broad and fine bands that cross, with threads of diagonal weave."""
    width = np.float32(rng.uniform(0.1, 0.5))
    across = 0.5 * edge(np.sin(u * 6) - width, 0.15) + 0.5 * edge(np.sin(u * 6 + 3.1) - 0.93, 0.1)
    along = 0.5 * edge(np.sin(v * 6) - width, 0.15) + 0.5 * edge(np.sin(v * 6 + 3.1) - 0.93, 0.1)
    return Ink(np.clip(across + along, 0, 1), edge(across * along - 0.1, 0.2))


def dots(u: Array, v: Array, rng: Rng) -> Ink:
    """Round dots in rows."""
    d = np.hypot(np.mod(u * 2.6, 1) - 0.5, np.mod(v * 2.6, 1) - 0.5)
    return Ink(edge(np.float32(rng.uniform(0.22, 0.32)) - d, 0.08), 1 - d * 2)


def rosettes(u: Array, v: Array, rng: Rng) -> Ink:
    """A leopard's broken rings."""
    size = u.shape[0]
    near = cells(u * 2.4, v * 2.4, rng, 0.7)
    d = near.first + 0.08 * noise(rng, size, 14)
    ring = 0.11 - np.abs(d - 0.3) + 0.06 * noise(rng, size, 18)
    return Ink(edge(ring, 0.06), np.clip(d, 0, 1))


def zebra(u: Array, v: Array, rng: Rng) -> Ink:
    """Bands that bend, fork and end."""
    size = u.shape[0]
    t = np.sin(u * 10 + 2.6 * noise(rng, size, 3) + 0.8 * noise(rng, size, 7))
    return Ink(edge(t + 0.4 * noise(rng, size, 6), 0.3), squash(v))


def scales(u: Array, v: Array, rng: Rng) -> Ink:
    """Overlapping rounded scales, darker at the rim."""
    a, b = u * 2.4, v * 3.2
    row = np.floor(b)
    shade = np.zeros_like(u)
    done = np.zeros(u.shape, bool)
    for k in (1, 0):
        centre = row + k
        du = np.mod(a + 0.5 * np.mod(centre, 2), 1) - 0.5
        d = np.hypot(du * 1.3, (b - centre) * 0.62 + 0.1)
        inside = (d < 0.62) & ~done
        shade = np.where(inside, d / 0.62, shade)
        done |= inside
    return Ink(edge(0.86 - shade, 0.16) * done, 1 - shade)


def bricks(u: Array, v: Array, rng: Rng) -> Ink:
    """A wall in running bond; each brick has its own tone."""
    a, b = u * 1.9, v * 3.8
    row = np.floor(b)
    a = a + 0.5 * np.mod(row, 2)
    fu, fv = np.mod(a, 1), np.mod(b, 1)
    gap = np.minimum(np.minimum(fu, 1 - fu) * 2, np.minimum(fv, 1 - fv))
    own = np.mod(np.sin(np.floor(a) * 12.99 + row * 78.23) * 437.5, 1).astype(np.float32)
    return Ink(edge(gap - np.float32(rng.uniform(0.08, 0.13)), 0.08), own)


def honeycomb(u: Array, v: Array, rng: Rng) -> Ink:
    """Hexagonal cells with thin walls."""
    root = math.sqrt(3)
    a, b = u * 3, v * 3
    d = np.full_like(u, 9)
    for p, q in ((0.0, 0.0), (0.5, root / 2)):
        x = np.abs(np.mod(a - p, 1) - 0.5)
        y = np.abs(np.mod(b - q, root) - root / 2)
        d = np.minimum(d, np.maximum(x, 0.5 * x + root / 2 * y))
    return Ink(edge(np.float32(rng.uniform(0.38, 0.43)) - d, 0.07), d * 2)


def lattice(u: Array, v: Array, rng: Rng) -> Ink:
    """A fence of thin crossing bars."""
    a, b = turned(u, v, math.pi / 4)
    width = np.float32(rng.uniform(0.09, 0.14))
    bars = np.maximum(width - np.abs(np.mod(a * 2.4, 1) - 0.5), width - np.abs(np.mod(b * 2.4, 1) - 0.5))
    return Ink(edge(bars, 0.06), np.clip(bars * 8, 0, 1))


def weave(u: Array, v: Array, rng: Rng) -> Ink:
    """Basketwork: strands go over and under."""
    a, b = u * 2.6, v * 2.6
    over = np.mod(np.floor(a) + np.floor(b), 2) < 0.5
    fu, fv = np.mod(a, 1) - 0.5, np.mod(b, 1) - 0.5
    across = np.where(over, fv, fu)
    strand = np.cos(across * np.float32(math.pi / 1.15))
    slats = 0.5 + 0.5 * np.cos(across * np.float32(2 * math.pi * 3))
    return Ink(edge(0.42 - np.abs(across), 0.1), np.clip(strand * (0.6 + 0.4 * slats), 0, 1))


def cracks(u: Array, v: Array, rng: Rng) -> Ink:
    """Dry ground: straight-edged plates with dark cracks."""
    near = cells(u * 2.2, v * 2.2, rng)
    return Ink(edge(near.second - near.first - 0.07, 0.08), near.own)


def pebbles(u: Array, v: Array, rng: Rng) -> Ink:
    """Round stones, each with its own tone and a lit dome."""
    near = cells(u * 2.2, v * 2.2, rng, 0.6)
    dome = np.clip(1 - (near.first / 0.55) ** 2, 0, 1)
    gap = np.minimum(0.46 - near.first, near.second - near.first - 0.05)
    return Ink(edge(gap, 0.08), 0.55 * np.sqrt(dome) + 0.45 * near.own)


def bubbles(u: Array, v: Array, rng: Rng) -> Ink:
    """Thin round films with a bright spot."""
    near = cells(u * 2, v * 2, rng, 0.5)
    radius = 0.22 + 0.2 * near.own
    film = 0.045 - np.abs(near.first - radius)
    inner = 0.25 * edge(radius - near.first, 0.05)
    return Ink(np.maximum(edge(film, 0.05), inner), edge(film, 0.1))


def wood(u: Array, v: Array, rng: Rng) -> Ink:
    """Growth rings cut lengthwise, with a knot."""
    size = u.shape[0]
    a, b = u, v * 0.28
    knot = 0.35 * np.exp(-((u - np.float32(rng.uniform(-0.5, 0.5))) ** 2 + (v * 0.6) ** 2) * 9)
    t = np.hypot(a + 0.9, b) * 22 + noise(rng, size, 3) * 0.9 + knot * 14 + noise(rng, size, 9) * 0.25
    ring = np.mod(t / 6.2832, 1)
    return Ink(ring**1.5, squash(noise(rng, size, 20) * 0.6))


def marble(u: Array, v: Array, rng: Rng) -> Ink:
    """Veins of turbulence (Perlin 1985)."""
    size = u.shape[0]
    t = np.abs(np.sin(u * 3.5 + 1.5 * fractal_noise(rng, size, 3, 5)))
    return Ink(edge(0.3 - t, 0.5), squash(fractal_noise(rng, size)))


def clouds(u: Array, v: Array, rng: Rng) -> Ink:
    """Billows of fractal noise."""
    t = fractal_noise(rng, u.shape[0], 2, 6)
    return Ink(edge(t, 1.4), squash(t))


def fur(u: Array, v: Array, rng: Rng) -> Ink:
    """Fine hair combed one way, in tufts."""
    size = u.shape[0]
    flow = noise(rng, size, 4) * 0.12
    hair = np.sin((u + flow) * 34 + 2.2 * noise(rng, size, 12)) * np.sin(v * 5 + 3 * noise(rng, size, 9))
    t = hair + 0.5 * noise(rng, size, 22)
    return Ink(edge(t, 1.4), squash(t + noise(rng, size, 3)))


def grass(u: Array, v: Array, rng: Rng) -> Ink:
    """Blades that rise from one side, taper and bend."""
    cover, tone = np.zeros_like(u), np.zeros_like(u)
    for k in range(26):
        foot, height = rng.uniform(-1.4, 1.4), rng.uniform(0.9, 2.4)
        lean, width = rng.uniform(-0.45, 0.45), rng.uniform(0.07, 0.13)
        t = (v + np.float32(1.3)) / np.float32(height)
        blade = np.float32(width) * (1 - t) - np.abs(u - np.float32(foot) - np.float32(lean) * t * t)
        ink = edge(blade, 0.03) * (t < 1)
        cover = np.maximum(cover, ink)
        tone = np.where(ink > 0.5, np.float32(k / 26), tone)
    return Ink(cover, tone)
