"""Lucid's standard transforms (optvis/transform.py) in numpy, operation by operation as in TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from reverie_ascent.random import Draws

from tests.ascent.exact import Numbers

SCALES = [0.90, 0.92, 0.94, 0.96, 0.98, 1.00, 1.02, 1.04, 1.06, 1.08, 1.10]


ANGLES = [*range(-10, 11), 0, 0, 0, 0, 0]


@dataclass(frozen=True)
class Draw:
    """What is random of a view; ``scale`` is an index of `SCALES`, ``angle`` a number of degrees."""

    jitter: tuple[int, int]
    scale: int
    angle: int
    last_jitter: tuple[int, int]

    @classmethod
    def of(cls, draws: Draws) -> Draw:
        """Draw in the order of the transforms."""
        jitter = draws.integer(9), draws.integer(9)
        scale, angle = draws.integer(len(SCALES)), ANGLES[draws.integer(len(ANGLES))]
        return cls(jitter, scale, angle, (draws.integer(5), draws.integer(5)))

    @property
    def integers(self) -> list[int]:
        """The numbers that are drawn for it, in order."""
        return [*self.jitter, self.scale, ANGLES.index(self.angle), *self.last_jitter]


def look(picture: Numbers, draw: Draw) -> Numbers:
    """Return the transformed view of a picture [3, H, W]."""
    x = np.pad(picture, [(0, 0), (12, 12), (12, 12)], constant_values=0.5)
    x = jitter(x, 8, draw.jitter)
    height, width = (int(np.float32(SCALES[draw.scale]) * np.float32(side)) for side in x.shape[1:])
    x = resize_bilinear(x, height, width)
    x = rotate(x, 3.14 * draw.angle / 180)
    x = jitter(x, 4, draw.last_jitter)
    return crop_or_pad(crop_or_pad(x, 1, picture.shape[1]), 2, picture.shape[2])


def jitter(x: Numbers, by: int, offset: tuple[int, int]) -> Numbers:
    """Crop by ``by`` pixels, as tf.random_crop."""
    (_, height, width), (top, left) = x.shape, offset
    return x[:, top : top + height - by, left : left + width - by]


def resize_bilinear(x: Numbers, height: int, width: int) -> Numbers:
    """Resize as tf.image.resize_bilinear with align_corners=False and without half-pixel centres."""
    last, end = x.shape[1] - 1, x.shape[2] - 1
    out = np.empty((3, height, width))
    for i in range(height):
        for j in range(width):
            y, z = i * x.shape[1] / height, j * x.shape[2] / width
            top, left = math.floor(y), math.floor(z)
            bottom, right = min(top + 1, last), min(left + 1, end)
            above = x[:, top, left] + (x[:, top, right] - x[:, top, left]) * (z - left)
            below = x[:, bottom, left] + (x[:, bottom, right] - x[:, bottom, left]) * (z - left)
            out[:, i, j] = above + (below - above) * (y - top)
    return out


def rotate(x: Numbers, angle: float) -> Numbers:
    """Rotate as tf.contrib.image.rotate: a projective transform, nearest neighbour, zero outside."""
    last, end = x.shape[1] - 1, x.shape[2] - 1
    cos, sin = math.cos(angle), math.sin(angle)
    x_offset = (end - (cos * end - sin * last)) / 2
    y_offset = (last - (sin * end + cos * last)) / 2
    out = np.zeros_like(x)
    for i in range(last + 1):
        for j in range(end + 1):
            column, row = round(cos * j - sin * i + x_offset), round(sin * j + cos * i + y_offset)
            if 0 <= row <= last and 0 <= column <= end:
                out[:, i, j] = x[:, row, column]
    return out


def crop_or_pad(x: Numbers, axis: int, size: int) -> Numbers:
    """Crop or pad one axis as tf.image.resize_image_with_crop_or_pad."""
    missing = size - x.shape[axis]
    if missing > 0:
        before = missing // 2
        return np.pad(x, [(before, missing - before) if i == axis else (0, 0) for i in range(3)])
    offset = -missing // 2
    return x.take(range(offset, offset + size), axis)
