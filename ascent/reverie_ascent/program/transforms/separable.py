"""A stage of separable transforms: one matrix for the rows of the picture and one for its columns.

With the matrices A and B, and of each constant border i of value g_i the shares (s_i, a_i) of rows and (t_i, b_i) of
columns that show anything and that show the picture,

    view = A picture B + sum over i of g_i (s_i t_i' - a_i b_i')

The draws are in the matrices. So one graph serves every draw, each element of a batch has its own draw, and draws do
not depend on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.program.transforms.axis import Line
from reverie_ascent.program.transforms.stage import Array, Canvas
from reverie_ascent.program.transforms.steps import SEPARABLE, Moment, fit
from reverie_ascent.program.transforms.taps import smoothed
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import Pad, Transform


@dataclass(frozen=True)
class SeparableStage:
    """Adjacent separable transforms; the last stage also crops or pads to what the network sees."""

    transforms: tuple[Transform, ...]
    source: Canvas
    out: Canvas
    is_last: bool

    @property
    def _greys(self) -> list[float]:
        """The values of constant borders."""
        return [t.value for t in self.transforms if isinstance(t, Pad) and t.mode == "constant"]

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the inputs that hold draws."""
        (height, width), (high, wide), borders = self.source.size, self.out.size, 2 * len(self._greys)
        shapes = {"rows": (batch, 1, high, height), "columns": (batch, 1, width, wide)}
        if borders:
            shapes |= {"row_border": (batch, 1, high, borders), "column_border": (batch, 1, borders, wide)}
        return {name: (shape, np.float32) for name, shape in shapes.items()}

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment."""
        (height, width), (high, wide) = self.source.size, self.out.size
        shapes = self.shapes(batch, channels)
        inputs = ", ".join(f"float[{', '.join(map(str, shape))}] {name}" for name, (shape, _) in shapes.items())
        greys, constants = self._greys, {}
        body = "tall = MatMul(rows, picture) "
        if greys:
            body += """
            whole = MatMul(tall, columns)
            grey_border = Mul(row_border, grey)
            border = MatMul(grey_border, column_border)
            view = Add(whole, border)
            """
            constants["grey"] = np.array([sign * grey for grey in greys for sign in (1, -1)], np.float32)
        else:
            body += "view = MatMul(tall, columns)"
        model = fragment(
            f"separable (float[{batch}, {channels}, {height}, {width}] picture, {inputs})"
            f" => (float[{batch}, {channels}, {high}, {wide}] view)",
            body,
            constants,
        )
        return differentiate(model, of="view", wrt="picture")

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row of the inputs by a draw."""
        top, left = self.source.begin(size)
        lines = Line.of(top, size[0]), Line.of(left, size[1])
        for transform in self.transforms:
            SEPARABLE[type(transform)].apply(transform, lines, draws, moment)
        if self.is_last:
            fit(lines, moment.seen)
        made = lines[0].size, lines[1].size
        first_row, first_column = self.out.begin(made)
        bordered = bool(self._greys)
        lines[0].fill(arrays["rows"][0], arrays["row_border"][0] if bordered else None, first_row)
        column_border = arrays["column_border"][0].T if bordered else None
        lines[1].fill(arrays["columns"][0].T, column_border, first_column)
        return made

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row so that the canvas shows the picture, resized, from its first row and column on."""
        for array in arrays.values():
            array[:] = 0
        for name, side, count in zip(("rows", "columns"), size, to, strict=True):
            matrix = arrays[name][0] if name == "rows" else arrays[name][0].T
            matrix[:count, :side] = np.eye(side, dtype=np.float32) if side == count else smoothed(side, count)
        return to
