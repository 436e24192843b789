"""A stage that rotates the picture, and moves it afterwards by whole pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.transforms.rotation import MAX_COPIES, MAX_PARTS, ROTATIONS, rotation
from reverie_ascent.program.transforms.stage import Array, Canvas
from reverie_ascent.program.transforms.steps import Moment, drawn, margin
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import Center, Jitter, OneOf, Rotate, Transform


@dataclass
class _Window:
    """The rows (or columns) of a rotated field that the view shows.

    Row 0 of the view is row ``begin`` of the field; ``size`` rows are shown, of which those of the field's rows
    ``first`` to ``last`` hold the picture.
    """

    begin: int
    size: int
    first: int
    last: int

    def crop(self, offset: int, count: int) -> None:
        """Keep ``count`` rows from an offset on; rows that are missing are black."""
        self.begin, self.size = self.begin + offset, count
        self.first, self.last = max(self.first, self.begin), min(self.last, self.begin + count)

    @property
    def shown(self) -> slice:
        """The rows of the view that show the picture."""
        return slice(max(0, self.first - self.begin), max(0, self.last - self.begin))


@dataclass(frozen=True)
class TurnStage:
    """A rotation, then jitters and crops around the middle; the last stage crops or pads to what the network sees."""

    rotate: Rotate
    moves: tuple[Transform, ...]
    source: Canvas
    out: Canvas
    is_last: bool

    @property
    def _blends(self) -> bool:
        return self.rotate.interpolation == "bilinear"

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the inputs that hold draws."""
        (height, width), (high, wide) = self.out.size, self.source.size
        parts, copies = (4, MAX_PARTS) if self._blends else (1, MAX_COPIES)
        shapes: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "there": ((batch, 1, parts * height * width), np.int32),
            "mask": ((batch, 1, height, width), np.float32),
            "back": ((batch, 1, copies * high * wide), np.int32),
        }
        if self._blends:
            shapes["there_weights"] = ((batch, 1, parts, height, width), np.float32)
            shapes["back_weights"] = ((batch, 1, copies, high, wide), np.float32)
        return shapes

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment, whose gradient is written by hand.

        The adjoint of a gather by ``there`` is a gather by ``back`` and a sum. ``back`` indexes the view padded with
        black to rows as long as the canvas's. In ONNX Runtime GatherElements gathers single numbers ten times as fast
        as Gather: 0.17 and 1.6 ms at 224 pixels.
        """
        (height, width), (high, wide) = self.out.size, self.source.size
        view = f"float[{batch}, {channels}, {height}, {width}]"
        canvas = f"float[{batch}, {channels}, {high}, {wide}]"
        draws = ", ".join(
            f"{'int32' if kind is np.int32 else 'float'}[{', '.join(map(str, shape))}] {name}"
            for name, (shape, kind) in self.shapes(batch, channels).items()
        )
        parts, copies = (4, MAX_PARTS) if self._blends else (1, MAX_COPIES)
        show = "whole = Reshape(picked, square)"
        share = "shares = Reshape(returned, apart)"
        if self._blends:
            show = """
            single = Reshape(picked, pieces)
            weighted = Mul(single, there_weights)
            whole = ReduceSum <keepdims = 0> (weighted, times)
            """
            share = "plain_shares = Reshape(returned, apart) shares = Mul(plain_shares, back_weights)"
        return fragment(
            f"turn ({canvas} picture, {draws}, {view} view_gradient) => ({view} view, {canvas} picture_gradient)",
            f"""
            cells = Reshape(picture, line)
            every_there = Expand(there, colours)
            picked = GatherElements <axis = 2> (cells, every_there)
            {show}
            view = Mul(whole, mask)

            seen = Mul(view_gradient, mask)
            wide = Pad(seen, margins)
            sources = Reshape(wide, line)
            every_back = Expand(back, colours)
            returned = GatherElements <axis = 2> (sources, every_back)
            {share}
            picture_gradient = ReduceSum <keepdims = 0> (shares, times)
            """,
            {
                "line": np.array([batch, channels, -1]),
                "colours": np.array([1, channels, 1]),
                "margins": np.array([0, 0, 0, 0, 0, 0, 0, wide - width]),
                "apart": np.array([batch, channels, copies, high, wide]),
                "times": np.array([2]),
                **(
                    {"pieces": np.array([batch, channels, parts, height, width])}
                    if self._blends
                    else {"square": np.array([batch, channels, height, width])}
                ),
            },
        )

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row of the inputs by a draw."""
        canvas = self.source
        fields = canvas.rows.field(size[0]), canvas.columns.field(size[1])
        # Of a range of angles hardly any comes twice.
        turn_of = ROTATIONS.turn if isinstance(self.rotate.degrees, OneOf) else rotation
        turn = turn_of(drawn(self.rotate.degrees, draws), fields, self.source.size, bilinear=self._blends)
        insets = canvas.begin(size)
        windows = [_Window(begin, k, begin, begin + k) for begin, k in zip(insets, size, strict=True)]
        for move in self.moves:
            for window, middle in zip(windows, move.size if isinstance(move, Center) else (0, 0), strict=True):
                if isinstance(move, Jitter):
                    window.crop(draws.integer(move.px + 1), window.size - move.px)
                else:
                    window.crop(margin(window.size, middle), middle)
        if self.is_last:
            for window, count in zip(windows, moment.seen, strict=True):
                window.crop(margin(window.size, count), count)
        rows, columns = windows
        self._fill(arrays, turn.there, turn.there_weights, rows, columns)
        shift = rows.begin * canvas.size[1] + columns.begin
        # The padded view has rows as long as the canvas's, so a pixel of the field has its index in the view at a
        # constant distance. A pixel outside the view gets an index in the black to the right of a row, or one before
        # or after all rows. As unsigned numbers the latter are too large: the last cell, which is black, replaces them.
        back = arrays["back"][0].reshape(turn.back.shape)
        np.subtract(turn.back, np.int32(shift), out=back)
        unsigned = back.view(np.uint32)
        np.minimum(unsigned, np.uint32(self.out.size[0] * canvas.size[1] - 1), out=unsigned)
        if turn.back_weights is not None:
            arrays["back_weights"][0] = turn.back_weights
        return rows.size, columns.size

    def _fill(
        self,
        arrays: Mapping[str, Array],
        there: Array,
        weights: Array | None,
        rows: _Window,
        columns: _Window,
    ) -> None:
        """Fill the tables of what each pixel of the view shows."""
        height, width = self.out.size
        mask = arrays["mask"][0]
        mask[:] = 0
        mask[rows.shown, columns.shown] = 1
        shown = (slice(None), rows.shown, columns.shown)
        inside = (slice(None), *(slice(w.first, w.first + w.shown.stop - w.shown.start) for w in (rows, columns)))
        view = arrays["there"][0].reshape(len(there), height, width)
        view[:] = self.source.size[0] * self.source.size[1] - 1
        view[shown] = there[inside]
        if weights is not None:
            arrays["there_weights"][0][:] = 0
            arrays["there_weights"][0][shown] = weights[inside]

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row so that the view is the picture. The gradient is then not defined."""
        height, width = self.out.size
        for array in arrays.values():
            array[:] = 0
        arrays["mask"][0][: size[0], : size[1]] = 1
        view = arrays["there"][0].reshape(-1, height, width)
        view[:, : size[0], : size[1]] = np.arange(size[0])[:, None] * self.source.size[1] + np.arange(size[1])
        if self._blends:
            arrays["there_weights"][0, 0] = 1
        return size
