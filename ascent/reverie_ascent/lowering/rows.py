"""The two forms of a lowered value, and the conversions between layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.lowering.layout import Layout, doubled, pooled, row_major


@dataclass(frozen=True)
class Rows:
    """A value [rows, C]. ``clean`` is whether the spare rows of its layout hold zeros."""

    value: ir.Value
    layout: Layout
    channels: int
    clean: bool


@dataclass(frozen=True)
class Doubled:
    """A value of twice the height and width of ``half``, each row of which represents four pixels.

    No node computes it: operators that can read ``half`` instead do so.
    """

    half: Rows

    @property
    def channels(self) -> int:
        """C."""
        return self.half.channels


OnRows: TypeAlias = "Rows | Doubled"


def from_plain(w: Builder, value: ir.Value) -> Rows:
    """Convert [N, C, H, W] to rows."""
    assert value.shape is not None
    n, c, height, width = (int(size) for size in value.shape.numpy())
    layout = row_major(n, height, width)
    rows = w.reshape(w.op("Transpose", [value], perm=[0, 2, 3, 1]), layout.rows, c)
    return Rows(rows, layout, c, clean=False)


def to_plain(w: Builder, x: OnRows, size: tuple[int, int]) -> ir.Value:
    """Convert a value on rows to [N, C, H, W]."""
    rows = in_layout(w, x, row_major(_batch(x), *size))
    pixels = w.reshape(rows.value, rows.layout.batch, *size, rows.channels)
    return w.op("Transpose", [pixels], perm=[0, 3, 1, 2])


def in_layout(w: Builder, x: OnRows, layout: Layout) -> Rows:
    """Return a value in another layout, without new nodes if it has that layout already."""
    if isinstance(x, Doubled):
        index = doubled(x.half.layout, layout)
        return Rows(_gathered(w, x.half.value, index), layout, x.channels, clean=False)
    if x.layout.same(layout):
        return Rows(x.value, layout, x.channels, x.clean)
    index = layout.from_rows_of(x.layout)
    clean = x.clean and x.layout.spare is not None
    return Rows(_gathered(w, x.value, index), layout, x.channels, clean)


def _gathered(w: Builder, value: ir.Value, index: npt.ArrayLike) -> ir.Value:
    return w.op("Gather", [value, w.constant(index, ir.DataType.INT32)], axis=0)


def with_zeros(w: Builder, rows: Rows) -> tuple[ir.Value, int]:
    """Return the rows and the index of one that holds zeros, which is appended if there is none."""
    if rows.clean and rows.layout.spare is not None:
        return rows.value, rows.layout.spare
    zeros = w.floats(np.zeros((1, rows.channels)))
    return w.op("Concat", [rows.value, zeros], axis=0), rows.layout.rows


def spread(w: Builder, half: Rows, layout: Layout) -> ir.Value | None:
    """Return ``half`` as [q, 1, q', 1, tiles C], which broadcasts over `quartered` rows of ``layout``, or None.

    None is returned if ``layout`` is not tiled or its tiles have an odd side.
    """
    blocks = layout.blocks
    if blocks is None or blocks.side % 2:
        return None
    fitting = in_layout(w, half, pooled(layout))
    down, across, line = blocks.chunks * blocks.side // 2, blocks.side // 2, blocks.tiles * half.channels
    return w.reshape(fitting.value, down, 1, across, 1, line)


def quartered(w: Builder, rows: Rows) -> ir.Value:
    """Return rows of a tiled layout as [q, 2, q', 2, tiles C]; the second and fourth axis span a square of 2 x 2."""
    blocks = rows.layout.blocks
    assert blocks is not None
    down, across, line = blocks.chunks * blocks.side // 2, blocks.side // 2, blocks.tiles * rows.channels
    return w.reshape(rows.value, down, 2, across, 2, line)


def _batch(x: OnRows) -> int:
    return (x.half if isinstance(x, Doubled) else x).layout.batch
