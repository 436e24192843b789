"""Rotations as tables: which pixels each pixel shows, and for the gradient which pixels show it.

The nearest kind is tf.contrib.image.rotate as Lucid calls it: a pixel shows the source pixel nearest to its rotated
position, or black outside. Pixels are moved and never blended, so both directions are gathers. A source pixel that is
shown several times adds up the gradients of all of them. It is shown at most twice, because two diagonal neighbours
never show the same source. The bilinear kind shows a weighted sum of the four pixels around that position, and a pixel
is a part of at most `MAX_PARTS` others. This needs neither scatter operators nor an inverse rotation, which would not
be the adjoint.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
from reverie_proto.sizes import Size

PI = 3.14  # Lucid's
MAX_COPIES = 2  # the most pixels that can show the same source
#: The most pixels of a grid of distance 1, at any angle, that lie less than 1 away from a point along both axes.
MAX_PARTS = 6
NOWHERE = np.iinfo(np.int32).max
CACHE_BYTES = 64 * 2**20

Table = npt.NDArray[np.int32]
Weight = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Turn:
    """One rotation of a field in a canvas [M, L].

    ``there`` [T, field's rows, field's columns] holds the cells of the canvas, row * L + column, that each pixel of the
    rotated field shows; the canvas's last, empty cell represents black. ``back`` [B, M, L] holds for each cell of the
    canvas the pixels of the rotated field that show it, also as row * L + column, or NOWHERE. T and B are 1 and
    `MAX_COPIES`, or for the bilinear kind 4 and `MAX_PARTS`, with the weights of each in arrays of the same shapes.
    """

    there: Table
    back: Table
    there_weights: Weight | None = None
    back_weights: Weight | None = None

    @property
    def nbytes(self) -> int:
        """The bytes of all tables."""
        tables = (self.there, self.back, self.there_weights, self.back_weights)
        return sum(table.nbytes for table in tables if table is not None)


class Rotations:
    """Rotations that were computed before, ``most_bytes`` at most; those that were used last stay."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._turns: OrderedDict[tuple[float, Size, Size, bool], Turn] = OrderedDict()
        self._lock = Lock()

    def turn(self, angle: float, field: Size, canvas: Size, *, bilinear: bool) -> Turn:
        """Return the rotation of a field in a canvas by an angle in degrees."""
        key = angle, field, canvas, bilinear
        with self._lock:
            if (known := self._turns.get(key)) is not None:
                self._turns.move_to_end(key)
                return known
        made = rotation(angle, field, canvas, bilinear=bilinear)
        with self._lock:
            self._bytes += made.nbytes - (before.nbytes if (before := self._turns.pop(key, None)) else 0)
            self._turns[key] = made
            while self._bytes > self._most and len(self._turns) > 1:
                self._bytes -= self._turns.popitem(last=False)[1].nbytes
        return made


#: Those of all programs of the process, because programs of one size have the same.
ROTATIONS = Rotations()


def rotation(angle: float, field: Size, canvas: Size, *, bilinear: bool) -> Turn:
    """Compute the rotation of a field in a canvas by an angle in degrees."""
    if bilinear:
        return _blended(angle, field, canvas)
    there = turned(angle, field, canvas)
    return Turn(there[None], shown_at(there, canvas))


def turned(angle: float, field: Size, canvas: Size) -> Table:
    """Return the table ``there`` of the nearest kind for an angle in degrees, around the middle of the field."""
    row, column = _positions(angle * PI / 180, field)
    (height, width), (high, wide) = field, canvas
    row, column = np.floor(row + 0.5).astype(np.int64), np.floor(column + 0.5).astype(np.int64)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return np.where(inside, row * wide + column, high * wide - 1).astype(np.int32)


def shown_at(there: Table, canvas: Size) -> Table:
    """Return the table ``back`` of the nearest kind."""
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


def _blended(angle: float, field: Size, canvas: Size) -> Turn:
    """Return the rotation of the bilinear kind."""
    (height, width), (high, wide) = field, canvas
    row, column = _positions(math.radians(angle), field)
    top, left = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    there, weights = np.empty((4, height, width), np.int32), np.empty((4, height, width), np.float32)
    for nth, (down, right) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        y, x = top + down, left + right
        weight = (1 - np.abs(row - y)) * (1 - np.abs(column - x))
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width) & (weight > 0)
        there[nth] = np.where(inside, y * wide + x, high * wide - 1)
        weights[nth] = np.where(inside, weight, 0)
    pixel = np.broadcast_to(np.arange(height)[:, None] * wide + np.arange(width), there.shape).reshape(-1)
    cell, weight = there.reshape(-1), weights.reshape(-1)
    used = weight > 0
    cell, pixel, weight = cell[used], pixel[used], weight[used]
    order = np.argsort(cell, kind="stable")
    cell, pixel, weight = cell[order], pixel[order], weight[order]
    first = np.searchsorted(cell, cell)
    nth_part = np.arange(len(cell)) - first
    assert nth_part.max(initial=0) < MAX_PARTS
    back = np.full((MAX_PARTS, high * wide), NOWHERE, np.int32)
    back_weights = np.zeros((MAX_PARTS, high * wide), np.float32)
    back[nth_part, cell], back_weights[nth_part, cell] = pixel, weight
    shape = (MAX_PARTS, high, wide)
    return Turn(there, back.reshape(shape), weights, back_weights.reshape(shape))


def _positions(turn: float, field: Size) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return row and column of the field that each pixel of the rotated field shows, for an angle in radians."""
    height, width = field
    middle, centre = (height - 1) / 2, (width - 1) / 2
    y, x = np.arange(height)[:, None] - middle, np.arange(width) - centre
    column = np.cos(turn) * x - np.sin(turn) * y + centre
    row = np.sin(turn) * x + np.cos(turn) * y + middle
    return row, column
