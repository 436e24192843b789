"""The positions of pixels in row layouts, compared with the same operations in numpy on [N, H, W]."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_ascent.lowering.layout import doubled, pooled, row_major, tiled, windows

SHAPES = [(1, 8, 8, 99), (1, 7, 10, 99), (2, 9, 5, 3), (3, 4, 4, 1), (1, 1, 1, 4), (2, 13, 16, 5)]


@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
@pytest.mark.parametrize("side", [2, 4, 6])
def test_every_pixel_has_its_own_row_and_the_spare_row_has_no_pixel(
    n: int, h: int, w: int, most: int, side: int
) -> None:
    layout = tiled(n, h, w, side=side, most=most).layout
    assert layout.index.shape == (n, h, w)
    assert len(np.unique(layout.index)) == n * h * w
    assert layout.index.max() < layout.rows
    assert layout.spare not in layout.index


@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
def test_no_chunk_has_more_tiles_than_it_may(n: int, h: int, w: int, most: int) -> None:
    tiling = tiled(n, h, w, side=4, most=most)
    assert max(len(chunk) for chunk in tiling.chunks) <= most
    assert sum(len(chunk) for chunk in tiling.chunks) == n * -(-h // 4) * -(-w // 4)


@pytest.mark.parametrize("together", [2, 3])
@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
def test_concurrent_chunks_leave_none_over(n: int, h: int, w: int, most: int, together: int) -> None:
    tiling = tiled(n, h, w, side=4, most=most, together=together)
    assert len(tiling.chunks) % together == 0
    assert max(len(chunk) for chunk in tiling.chunks) <= most
    assert sum(len(chunk) for chunk in tiling.chunks) == n * -(-h // 4) * -(-w // 4)


@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
def test_tiles_read_the_pixels_around_them_and_zeros_outside(n: int, h: int, w: int, most: int) -> None:
    side, reach = 4, 1
    tiling = tiled(n, h, w, side=side, most=most)
    source = row_major(n, h, w)
    pixels = np.arange(1, n * h * w + 1)
    values = np.append(pixels, 0)  # the row after the last is zero
    picture = np.pad(pixels.reshape(n, h, w), [(0, 0), (reach, side + reach), (reach, side + reach)])
    for chunk, tiles in enumerate(tiling.chunks):
        read = values[windows(source, len(pixels), tiling, chunk, reach)]
        for t, (b, i, j) in enumerate(tiles):
            square = picture[b, side * i :, side * j :][: side + 2 * reach, : side + 2 * reach]
            np.testing.assert_array_equal(read[:, :, t], square)
        assert not read[:, :, len(tiles) :].any()


@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
def test_a_pooled_row_reads_the_rows_of_its_square(n: int, h: int, w: int, most: int) -> None:
    layout = tiled(n, h, w, side=4, most=most).layout
    blocks = layout.blocks
    assert blocks is not None
    values = np.zeros(layout.rows)
    values[layout.index.ravel()] = np.random.default_rng(0).random(n * h * w)
    down, across = blocks.chunks * blocks.side // 2, blocks.side // 2
    half = values.reshape(down, 2, across, 2, blocks.tiles).max(axis=(1, 3)).ravel()
    small = pooled(layout)
    assert half.size == small.rows
    whole = values[layout.index][:, : h // 2 * 2, : w // 2 * 2]
    expected = whole.reshape(n, h // 2, 2, w // 2, 2).max(axis=(2, 4))
    np.testing.assert_array_equal(half[small.index], expected)
    assert small.spare not in small.index


@pytest.mark.parametrize(("n", "h", "w", "most"), SHAPES)
def test_doubling_reads_the_pixel_that_covers(n: int, h: int, w: int, most: int) -> None:
    source, target = row_major(n, h, w), tiled(n, 2 * h, 2 * w, side=4, most=most).layout
    values = np.arange(source.rows)
    np.testing.assert_array_equal(
        values[doubled(source, target)][target.index],
        values.reshape(n, h, w).repeat(2, axis=1).repeat(2, axis=2),
    )


def test_a_change_of_layout_keeps_every_pixel_and_the_spare_row() -> None:
    one, other = (tiled(2, 9, 7, side=4, most=most).layout for most in (3, 99))
    values = np.random.default_rng(0).random(other.rows)
    moved = values[one.from_rows_of(other)]
    np.testing.assert_array_equal(moved[one.index], values[other.index])
    assert moved[one.spare] == values[other.spare]
    assert one.same(one)
    assert not one.same(other)
