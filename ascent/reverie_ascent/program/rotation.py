"""Rotation by whole pixels, as a table of where each pixel comes from, and the table of the way back.

tf.contrib.image.rotate as Lucid calls it: the pixel at a place shows the nearest one to the place turned around the
middle, or black outside. That moves pixels and blends none, so both ways are a matter of picking; a pixel that is shown
several times - twice at most, because two pixels apart by one in both directions never turn into one - gathers its
gradient from all of them. No scattering, and no interpolation, whose inverse would not be its adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.transform_sizes import TransformSizes

PI = 3.14  # Lucid's
TIMES = 2  # that a pixel can be shown
NOWHERE = np.iinfo(np.int32).max
CACHE_BYTES = 64 * 2**20

Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Turn:
    """One rotation of a field [L, L] that lies in a canvas [M, M].

    ``there`` [L, L] holds the cell of the canvas, row * M + column, that each pixel of the turned field shows; the
    canvas's last, empty cell stands for black. ``back`` [2, M, M] holds for each cell of the canvas the pixels of the
    turned field that show it, again as row * M + column, or NOWHERE.
    """

    there: Table
    back: Table


class Rotations:
    """All rotations for one size of picture, worked out when first asked for, the latest of them kept."""

    def __init__(self, sizes: TransformSizes) -> None:
        self.sizes = sizes
        one = 4 * (TIMES + 1) * sizes.canvas**2
        self.turn = lru_cache(maxsize=max(1, CACHE_BYTES // one))(self._turn)

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
    back = np.empty((TIMES, canvas * canvas), np.int32)
    for nth in range(TIMES):
        # Of the pixels that show a cell one remains here; the others have the next turn.
        back[nth] = NOWHERE
        back[nth, cell] = pixel
        left = back[nth, cell] != pixel
        cell, pixel = cell[left], pixel[left]
    back[:, -1] = NOWHERE
    assert (cell == canvas**2 - 1).all()
    return back.reshape(TIMES, canvas, canvas)


def _nearest(place: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.floor(place + 0.5).astype(np.int64)
