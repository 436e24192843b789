"""Decides the sizes of tiles and chunks of Winograd's products, and how many chunks are computed in parallel.

The sizes do not depend on the number of threads: they decide the graph, and a picture must not depend on its threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_ascent.lowering.layout import Tiling, tiled

SIDE = 4
"""The side of a tile in pixels. A side of 6 needs fewer products, but its transforms are larger and its rounding error
is 4.7e-6 instead of 1.6e-6."""

CHUNK_BYTES = 3_600_000
"""The most bytes of the transformed pixels of all chunks that are computed in parallel: about the cache of a core. A
step of VGG19's conv5_1 at 224 pixels takes 179 ms with such chunks, and 194 ms with one chunk for the whole picture."""

MIN_TILES = 196
"""The fewest tiles in a chunk: with fewer, the matrix products lose more time than the cache saves."""

PARALLEL_CHUNKS = 2
"""The number of chunks that are computed in parallel if there are enough tiles. Two threads then have one chunk each;
more threads share them."""

MIN_TILES_PER_CHANNEL = 1.5
"""The fewest tiles per channel of a chunk for one thread. Each thread then packs all weights of a product, and with
fewer tiles that costs more than it saves: 8 % at 56 pixels and 256 channels."""


@dataclass(frozen=True)
class Tiles:
    """The tiles of one program. ``channels`` is the largest number of channels at each size (N, H, W).

    If two cores share no cache, every number that one writes and the other reads costs time. If a size has enough
    tiles, `PARALLEL_CHUNKS` chunks are therefore a batch, and each thread keeps its chunk for a whole convolution.
    """

    channels: Mapping[tuple[int, int, int], int]
    side: int = SIDE

    def cut(self, batch: int, height: int, width: int) -> Tiling:
        """Return the tiling of pictures of a size."""
        channels = self.channels.get((batch, height, width), 1)
        most = max(MIN_TILES, CHUNK_BYTES // (4 * channels * (self.side + 2) ** 2))
        total = batch * -(-height // self.side) * -(-width // self.side)
        share = min(most, total) // PARALLEL_CHUNKS
        parallel = share >= MIN_TILES_PER_CHANNEL * channels
        together = PARALLEL_CHUNKS if parallel else 1
        return tiled(batch, height, width, side=self.side, most=share if parallel else most, together=together)
