"""Rotation without interpolation: a table of the source of each pixel, and a table for the gradient.

This is tf.contrib.image.rotate as Lucid calls it: a pixel shows the source pixel nearest to its rotated position, or
black outside. Pixels are moved and never blended, so both directions are gathers. A source pixel that is shown several
times adds up the gradients of all of them. It is shown at most twice, because two diagonal neighbours never show the
same source. This needs neither scatter operators nor interpolation, whose inverse would not be its adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import TransformSizes

PI = 3.14  # Lucid's
MAX_COPIES = 2  # the most pixels that can show the same source
NOWHERE = np.iinfo(np.int32).max
CACHE_BYTES = 64 * 2**20

Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Turn:
    """One rotation of a field [L, L] in a canvas [M, M].

    ``there`` [L, L] holds the cell of the canvas, row * M + column, that each pixel of the rotated field shows; the
    canvas's last, empty cell represents black. ``back`` [2, M, M] holds for each cell of the canvas the pixels of the
    rotated field that show it, also as row * M + column, or NOWHERE.
    """

    there: Table
    back: Table


class Rotations:
    """The rotations for one size of picture, computed at their first use and cached."""

    def __init__(self, sizes: TransformSizes) -> None:
        self.sizes = sizes
        turn_bytes = 4 * (MAX_COPIES + 1) * sizes.canvas**2
        self.turn = lru_cache(maxsize=max(1, CACHE_BYTES // turn_bytes))(self._turn)

    def _turn(self, angle: int, field: int) -> Turn:
        canvas = self.sizes.canvas
        there = turned(angle, field, canvas)
        return Turn(there, shown_at(there, canvas))


def turned(angle: int, field: int, canvas: int) -> Table:
    """Return the table ``there`` for an angle in degrees."""
    turn = angle * PI / 180
    middle = (field - 1) / 2
    y, x = np.mgrid[:field, :field] - middle
    column = _nearest(np.cos(turn) * x - np.sin(turn) * y + middle)
    row = _nearest(np.sin(turn) * x + np.cos(turn) * y + middle)
    inside = (row >= 0) & (row < field) & (column >= 0) & (column < field)
    return np.where(inside, row * canvas + column, canvas**2 - 1).astype(np.int32)


def shown_at(there: Table, canvas: int) -> Table:
    """Return the table ``back``."""
    cell = there.reshape(-1)
    row, column = np.indices(there.shape, np.int32)
    pixel = (row * canvas + column).reshape(-1)
    back = np.empty((MAX_COPIES, canvas * canvas), np.int32)
    for nth in range(MAX_COPIES):
        # If several pixels show a cell, one of them is stored here and the others in the next iteration.
        back[nth] = NOWHERE
        back[nth, cell] = pixel
        left = back[nth, cell] != pixel
        cell, pixel = cell[left], pixel[left]
    back[:, -1] = NOWHERE
    assert (cell == canvas**2 - 1).all()
    return back.reshape(MAX_COPIES, canvas, canvas)


def _nearest(position: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.floor(position + 0.5).astype(np.int64)
