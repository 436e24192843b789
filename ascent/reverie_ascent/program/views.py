"""Computes the inputs of the transforms, matrices, tables and masks, from each element's draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reverie_ascent.program.resample import fill_identity, fill_resampling
from reverie_ascent.program.rotation import MAX_COPIES, Rotations


@dataclass(frozen=True)
class Draw:
    """The random numbers of Lucid's transforms for one element: offsets are (row, column), the angle is in degrees."""

    jitter: tuple[int, int]
    scale: int  # index in transform_sizes.SCALES
    angle: int
    last_jitter: tuple[int, int]


class Views:
    """The arrays that apply each element's draw. They are written in place, because they are large."""

    def __init__(self, rotations: Rotations, batch: int) -> None:
        self._sizes, self._rotations, self._batch = rotations.sizes, rotations, batch
        g = rotations.sizes
        self._rows = np.zeros((batch, 1, g.canvas, g.size), np.float32)
        self._row_border = np.zeros((batch, 1, g.canvas, 2), np.float32)
        self._columns = np.zeros((batch, 1, g.size, g.canvas), np.float32)
        self._column_border = np.zeros((batch, 1, 2, g.canvas), np.float32)
        self._mask = np.zeros((batch, 1, g.size, g.size), np.float32)
        self._there = np.zeros((batch, g.size, g.size), np.int32)
        self._back = np.zeros((batch, MAX_COPIES, g.canvas, g.canvas), np.int32)

    @property
    def arrays(self) -> Mapping[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]:
        """The arrays by the names of the fragments' inputs."""
        return {
            "rows": self._rows,
            "row_border": self._row_border,
            "columns": self._columns,
            "column_border": self._column_border,
            "mask": self._mask,
            "there": self._there.reshape(self._batch, 1, -1),
            "back": self._back.reshape(self._batch, 1, -1),
        }

    def draw(self, element: int, draw: Draw) -> None:
        """Apply a draw to an element."""
        g, n = self._sizes, element
        scaled = g.scaled[draw.scale]
        fill_resampling(self._rows[n, 0], self._row_border[n, 0], g, scaled, draw.jitter[0])
        fill_resampling(self._columns[n, 0].T, self._column_border[n, 0].T, g, scaled, draw.jitter[1])
        turn = self._rotations.turn(draw.angle, g.field(scaled))
        (top, first_row, last_row), (left, first_column, last_column) = (g.window(scaled, j) for j in draw.last_jitter)
        self._mask[n] = 0
        self._mask[n, 0, first_row:last_row, first_column:last_column] = 1
        self._there[n] = turn.there[top : top + g.size, left : left + g.size]

        # The padded view also has rows of M, so a pixel of the field has its index in the view at a constant distance.
        # A pixel outside the view gets an index in the black to the right of a row, or one before or after all rows. As
        # unsigned numbers the latter are too large and are replaced by the last cell, which is black.
        np.subtract(turn.back, np.int32(top * g.canvas + left), out=self._back[n])
        unsigned = self._back[n].view(np.uint32)
        np.minimum(unsigned, np.uint32(g.size * g.canvas - 1), out=unsigned)

    def set_identity(self, element: int) -> None:
        """Let an element's view be its picture without transforms. The gradient is then not defined."""
        g, n = self._sizes, element
        fill_identity(self._rows[n, 0], self._row_border[n, 0], g)
        fill_identity(self._columns[n, 0].T, self._column_border[n, 0].T, g)
        self._mask[n] = 1
        self._there[n] = np.arange(g.size)[:, None] * g.canvas + np.arange(g.size)
        self._back[n] = 0
