"""Computes the inputs of the transforms, matrices, tables and masks, from each element's draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from reverie_proto.sizes import Size

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
        (height, width), (high, wide) = self._size, rotations.sizes.canvas
        self._rows = np.zeros((batch, 1, high, height), np.float32)
        self._row_border = np.zeros((batch, 1, high, 2), np.float32)
        self._columns = np.zeros((batch, 1, width, wide), np.float32)
        self._column_border = np.zeros((batch, 1, 2, wide), np.float32)
        self._mask = np.zeros((batch, 1, height, width), np.float32)
        self._there = np.zeros((batch, height, width), np.int32)
        self._back = np.zeros((batch, MAX_COPIES, high, wide), np.int32)

    @property
    def _size(self) -> Size:
        """Height and width of the picture."""
        return self._sizes.rows.size, self._sizes.columns.size

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
        rows, columns, n = self._sizes.rows, self._sizes.columns, element
        high, wide = rows.scaled[draw.scale], columns.scaled[draw.scale]
        fill_resampling(self._rows[n, 0], self._row_border[n, 0], rows, high, draw.jitter[0])
        fill_resampling(self._columns[n, 0].T, self._column_border[n, 0].T, columns, wide, draw.jitter[1])
        turn = self._rotations.turn(draw.angle, (rows.field(high), columns.field(wide)))
        top, first_row, last_row = rows.window(high, draw.last_jitter[0])
        left, first_column, last_column = columns.window(wide, draw.last_jitter[1])
        self._mask[n] = 0
        self._mask[n, 0, first_row:last_row, first_column:last_column] = 1
        self._there[n] = turn.there[top : top + rows.size, left : left + columns.size]

        # The padded view has rows as long as the canvas's, so a pixel of the field has its index in the view at a
        # constant distance. A pixel outside the view gets an index in the black to the right of a row, or one before
        # or after all rows. As unsigned numbers the latter are too large: the last cell, which is black, replaces them.
        np.subtract(turn.back, np.int32(top * columns.canvas + left), out=self._back[n])
        unsigned = self._back[n].view(np.uint32)
        np.minimum(unsigned, np.uint32(rows.size * columns.canvas - 1), out=unsigned)

    def set_identity(self, element: int) -> None:
        """Let an element's view be its picture without transforms. The gradient is then not defined."""
        rows, columns, n = self._sizes.rows, self._sizes.columns, element
        fill_identity(self._rows[n, 0], self._row_border[n, 0], rows)
        fill_identity(self._columns[n, 0].T, self._column_border[n, 0].T, columns)
        self._mask[n] = 1
        self._there[n] = np.arange(rows.size)[:, None] * columns.canvas + np.arange(columns.size)
        self._back[n] = 0
