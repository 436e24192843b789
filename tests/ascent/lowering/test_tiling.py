"""The tiling of pictures: chunks fit a cache, run concurrently if that pays, and do not depend on the threads."""

from __future__ import annotations

import pytest
from reverie_ascent.lowering.tiling import CHUNK_BYTES, MIN_TILES, MIN_TILES_PER_CHANNEL, PARALLEL_CHUNKS, Tiles


@pytest.mark.parametrize(
    ("channels", "size", "together"),
    [
        (64, 224, PARALLEL_CHUNKS),
        (16, 224, PARALLEL_CHUNKS),
        (128, 112, 1),  # 98 tiles per chunk are few compared with 128 x 128 weights
        (256, 56, 1),
        (16, 8, 1),  # there are only four
    ],
)
def test_chunks_are_computed_concurrently_if_they_are_large(channels: int, size: int, together: int) -> None:
    tiling = Tiles({(1, size, size): channels}).cut(1, size, size)
    assert tiling.together == together
    assert together == 1 or min(map(len, tiling.chunks)) >= MIN_TILES_PER_CHANNEL * channels


@pytest.mark.parametrize(("channels", "size"), [(16, 320), (64, 224), (128, 112), (512, 28)])
def test_a_chunk_fits_a_cache_or_has_few_tiles(channels: int, size: int) -> None:
    tiling = Tiles({(1, size, size): channels}).cut(1, size, size)
    tiles = tiling.together * max(map(len, tiling.chunks))
    assert tiles <= MIN_TILES or tiles * channels * 4 * 36 <= CHUNK_BYTES
