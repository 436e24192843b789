"""What the transforms are fed with: from a draw for each element to matrices, tables and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reverie_server.program.geometry import Geometry
from reverie_server.program.resample import fill_identity, fill_resampling
from reverie_server.program.rotation import TIMES, Rotations


@dataclass(frozen=True)
class Draw:
    """What Lucid's transforms drew for one element: offsets are (row, column), the angle is in degrees."""

    jitter: tuple[int, int]
    scale: int  # which of geometry.SCALES
    angle: int
    last_jitter: tuple[int, int]


class Views:
    """The arrays that make a batch look through its draws; written in place, as they are large and made at every step.

    A cell of element n's canvas is n * M * M further on than its table says, and one of its view n * S * M.
    """

    def __init__(self, geometry: Geometry, batch: int) -> None:
        g = geometry
        self._geometry, self._rotations, self._batch = g, Rotations(g), batch
        self._rows = np.zeros((batch, 1, g.canvas, g.padded), np.float32)
        self._columns = np.zeros((batch, 1, g.padded, g.canvas), np.float32)
        self._mask = np.zeros((batch, 1, g.size, g.size), np.float32)
        self._there = np.zeros((batch, g.size, g.size), np.int32)
        self._back = np.zeros((TIMES, batch, g.canvas, g.canvas), np.int32)

    @property
    def arrays(self) -> Mapping[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]:
        """The arrays by the names of the pieces' inputs."""
        return {
            "rows": self._rows,
            "columns": self._columns,
            "mask": self._mask,
            "there": self._there.reshape(-1),
            "back": self._back.reshape(-1),
        }

    def draw(self, element: int, draw: Draw) -> None:
        """Let an element look through a draw."""
        g, n = self._geometry, element
        scaled = g.scaled[draw.scale]
        fill_resampling(self._rows[n, 0], g, scaled, draw.jitter[0])
        fill_resampling(self._columns[n, 0].T, g, scaled, draw.jitter[1])
        turn = self._rotations.turn(draw.angle, g.field(scaled))
        (top, first_row, last_row), (left, first_column, last_column) = (g.window(scaled, j) for j in draw.last_jitter)
        self._mask[n] = 0
        self._mask[n, 0, first_row:last_row, first_column:last_column] = 1
        self._there[n] = turn.there[top : top + g.size, left : left + g.size]
        self._there[n] += n * g.canvas**2

        # A pixel of the field lies in the view, whose rows are M long here too, at a constant distance. What lies
        # outside lands in the black right of a row, or before or behind all rows: as unsigned numbers both are large,
        # and the last cell is black.
        back = self._back[:, n].view(np.uint32)
        last = np.uint32(g.size * g.canvas - 1)
        for k in range(TIMES):
            np.subtract(turn.back[k], np.int32(top * g.canvas + left), out=self._back[k, n])
            np.minimum(back[k], last, out=back[k])
        self._back[:, n] += n * g.size * g.canvas

    def look_straight(self, element: int) -> None:
        """Let an element see its picture as it is. The way back is not defined."""
        g, n = self._geometry, element
        fill_identity(self._rows[n, 0], g)
        fill_identity(self._columns[n, 0].T, g)
        self._mask[n] = 1
        self._there[n] = np.arange(g.size)[:, None] * g.canvas + np.arange(g.size) + n * g.canvas**2
        self._back[:, n] = n * g.size * g.canvas
