"""How pictures are cut: small enough for a cache, and a chunk for each thread where that pays."""

from __future__ import annotations

import pytest
from reverie_ascent.lowering.tiling import CHUNK_BYTES, ENOUGH, FEWEST, Tiles


@pytest.mark.parametrize(
    ("channels", "size", "threads", "together"),
    [
        (64, 224, 2, 2),
        (64, 224, 1, 1),
        (16, 224, 8, 8),
        (128, 112, 2, 1),  # 98 tiles for each are few beside 128 x 128 weights
        (256, 56, 2, 1),
        (16, 8, 2, 1),  # there are only four
    ],
)
def test_threads_have_chunks_of_their_own_where_those_are_large(
    channels: int, size: int, threads: int, together: int
) -> None:
    tiling = Tiles({(1, size, size): channels}, threads).cut(1, size, size)
    assert tiling.together == together
    assert together == 1 or min(map(len, tiling.chunks)) >= ENOUGH * channels


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(("channels", "size"), [(16, 320), (64, 224), (128, 112), (512, 28)])
def test_what_is_computed_at_once_fits_a_cache_or_has_few_tiles(channels: int, size: int, threads: int) -> None:
    tiling = Tiles({(1, size, size): channels}, threads).cut(1, size, size)
    tiles = tiling.together * max(map(len, tiling.chunks))
    assert tiles <= FEWEST or tiles * channels * 4 * 36 <= CHUNK_BYTES
