"""Layouts: the order of pixels in the matrix [rows, C] of a tensor [N, C, H, W], whose rows hold one pixel each.

Elementwise operators do not depend on the order of the rows. Only operators that move pixels (convolutions, pools,
conversions to [N, C, H, W]) need the layout.

A *tiled* layout is for Winograd products, which read and write squares of m x m pixels. Tiles are divided into chunks.
In a chunk the rows run over (row within the tile, column within the tile, tile), so that the product over all its tiles
is one large matrix product. The last tile of every chunk is spare and holds zeros: its rows represent the padding
around the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """The order of the rows in a tiled layout, [chunks, side, side, tiles], including the spare tile of each chunk."""

    chunks: int
    side: int
    tiles: int


@dataclass(frozen=True, eq=False)
class Layout:
    """An order of rows. ``index`` [N, H, W] is the row of each pixel; ``spare`` a row that no pixel has."""

    index: Index
    rows: int
    spare: int | None = None
    blocks: Blocks | None = None

    @property
    def batch(self) -> int:
        """N."""
        return int(self.index.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.index.shape[1], self.index.shape[2]

    @property
    def pixels(self) -> int:
        """The number of rows that hold pixels."""
        return self.index.size

    def same(self, other: Layout) -> bool:
        """Return whether every pixel has the same row in both layouts."""
        return self is other or (self.rows == other.rows and np.array_equal(self.index, other.index))

    def from_rows_of(self, other: Layout) -> Index:
        """Return, for each row, the row of ``other`` with the same pixel; for a spare row, a spare row of ``other``."""
        source = np.full(self.rows, 0 if other.spare is None else other.spare, np.int64)
        source[self.index.ravel()] = other.index.ravel()
        return source


@dataclass(frozen=True)
class Tiling:
    """The division of pictures of one size into tiles and chunks, and the layout that results."""

    layout: Layout
    side: int
    chunks: tuple[Index, ...]
    """For each chunk its tiles [tiles, 3]: picture, tile row, tile column, without the spare tile."""
    together: int = 1
    """How many chunks are computed in parallel; the number of chunks is a multiple of it."""


@lru_cache(maxsize=256)
def row_major(batch: int, height: int, width: int) -> Layout:
    """Return the layout of [N, H, W, C]."""
    pixels = batch * height * width
    return Layout(np.arange(pixels).reshape(batch, height, width), pixels)


@lru_cache(maxsize=256)
def tiled(batch: int, height: int, width: int, *, side: int, most: int, together: int = 1) -> Tiling:
    """Return the tiling into tiles of ``side`` pixels, at most ``most`` in a chunk, ``together`` chunks in parallel."""
    down, across = -(-height // side), -(-width // side)
    total = batch * down * across
    count = -(-total // (most * together)) * together
    bounds = np.linspace(0, total, count + 1).astype(int)
    tiles = int(np.diff(bounds).max()) + 1

    n, h, w = np.meshgrid(np.arange(batch), np.arange(height), np.arange(width), indexing="ij")
    tile = (n * down + h // side) * across + w // side
    chunk = np.searchsorted(bounds, tile, side="right") - 1
    place = (h % side) * side + w % side
    index = (chunk * side * side + place) * tiles + tile - bounds[chunk]
    layout = Layout(index, count * side * side * tiles, spare=tiles - 1, blocks=Blocks(count, side, tiles))

    all_tiles = np.stack(np.unravel_index(np.arange(total), (batch, down, across)), axis=1)
    return Tiling(layout, side, tuple(all_tiles[a:b] for a, b in pairwise(bounds)), together)


@lru_cache(maxsize=256)
def pooled(layout: Layout) -> Layout:
    """Return the layout of a tiled tensor after a 2 x 2 pool, which reduces the four rows of each square to one."""
    assert layout.blocks is not None
    assert layout.blocks.side % 2 == 0
    blocks = Blocks(layout.blocks.chunks, layout.blocks.side // 2, layout.blocks.tiles)
    height, width = layout.size
    corner = layout.index[:, : height // 2 * 2 : 2, : width // 2 * 2 : 2]
    chunk, rest = np.divmod(corner, layout.blocks.side**2 * blocks.tiles)
    place, tile = np.divmod(rest, blocks.tiles)
    down, across = np.divmod(place, layout.blocks.side)
    index = (chunk * blocks.side**2 + down // 2 * blocks.side + across // 2) * blocks.tiles + tile
    return Layout(index, blocks.chunks * blocks.side**2 * blocks.tiles, spare=blocks.tiles - 1, blocks=blocks)


def windows(source: Layout, zero: int, tiling: Tiling, chunk: int, reach: int) -> Index:
    """Return the rows that the tiles of a chunk read, [k, k, tiles] with k = side + 2 reach, including the spare tile.

    ``zero`` is the row of ``source`` that is read for pixels outside of the picture.
    """
    height, width = source.size
    side = tiling.side
    bordered = np.full((source.batch, height + 2 * side + 2 * reach, width + 2 * side + 2 * reach), zero, np.int64)
    bordered[:, reach : reach + height, reach : reach + width] = source.index
    n, i, j = tiling.chunks[chunk].T
    step = np.arange(side + 2 * reach)
    assert tiling.layout.blocks is not None
    table = np.full((len(step), len(step), tiling.layout.blocks.tiles), zero, np.int64)
    table[:, :, : len(n)] = bordered[n, i * side + step[:, None, None], j * side + step[None, :, None]]
    return table


def doubled(source: Layout, target: Layout) -> Index:
    """Return, for each row of ``target``, the row of ``source``, of half the size, whose pixel covers it."""
    height, width = target.size
    h, w = np.arange(height) // 2, np.arange(width) // 2
    rows = np.full(target.rows, 0 if source.spare is None else source.spare, np.int64)
    rows[target.index.ravel()] = source.index[:, h][:, :, w].ravel()
    return rows
