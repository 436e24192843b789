"""Rotation without interpolation: a table of the source of each pixel, and a table for the gradient.

This is tf.contrib.image.rotate as Lucid calls it: a pixel shows the source pixel nearest to its rotated position, or
black outside. Pixels are moved and never blended, so both directions are gathers. A source pixel that is shown several
times adds up the gradients of all of them. It is shown at most twice, because two diagonal neighbours never show the
same source. This needs neither scatter operators nor interpolation, whose inverse would not be its adjoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from reverie_proto.sizes import Size

from reverie_ascent.program.transform_sizes import TransformSizes

PI = 3.14  # Lucid's
MAX_COPIES = 2  # the most pixels that can show the same source
NOWHERE = np.iinfo(np.int32).max
CACHE_BYTES = 64 * 2**20

Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Turn:
    """One rotation of a field in a canvas [M, L].

    ``there``, of the field's size, holds the cell of the canvas, row * L + column, that each pixel of the rotated field
    shows; the canvas's last, empty cell represents black. ``back`` [2, M, L] holds for each cell of the canvas the
    pixels of the rotated field that show it, also as row * L + column, or NOWHERE.
    """

    there: Table
    back: Table


class Rotations:
    """The rotations for one size of picture, computed at their first use and cached."""

    def __init__(self, sizes: TransformSizes) -> None:
        self.sizes = sizes
        turn_bytes = 4 * (MAX_COPIES + 1) * math.prod(sizes.canvas)
        self.turn = lru_cache(maxsize=max(1, CACHE_BYTES // turn_bytes))(self._turn)

    def _turn(self, angle: int, field: Size) -> Turn:
        canvas = self.sizes.canvas
        there = turned(angle, field, canvas)
        return Turn(there, shown_at(there, canvas))


def turned(angle: int, field: Size, canvas: Size) -> Table:
    """Return the table ``there`` for an angle in degrees, around the middle of the field."""
    turn = angle * PI / 180
    (height, width), (high, wide) = field, canvas
    middle, centre = (height - 1) / 2, (width - 1) / 2
    y, x = np.arange(height)[:, None] - middle, np.arange(width) - centre
    column = _nearest(np.cos(turn) * x - np.sin(turn) * y + centre)
    row = _nearest(np.sin(turn) * x + np.cos(turn) * y + middle)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return np.where(inside, row * wide + column, high * wide - 1).astype(np.int32)


def shown_at(there: Table, canvas: Size) -> Table:
    """Return the table ``back``."""
    high, wide = canvas
    cell = there.reshape(-1)
    row, column = np.indices(there.shape, np.int32)
    pixel = (row * wide + column).reshape(-1)
    back = np.empty((MAX_COPIES, high * wide), np.int32)
    for nth in range(MAX_COPIES):
        # If several pixels show a cell, one of them is stored here and the others in the next iteration.
        back[nth] = NOWHERE
        back[nth, cell] = pixel
        left = back[nth, cell] != pixel
        cell, pixel = cell[left], pixel[left]
    back[:, -1] = NOWHERE
    assert (cell == high * wide - 1).all()
    return back.reshape(MAX_COPIES, high, wide)


def _nearest(position: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.floor(position + 0.5).astype(np.int64)
