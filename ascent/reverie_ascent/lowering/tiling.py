"""How large the tiles of Winograd's products are, how many go into one chunk, and how many chunks go side by side.

Nothing here depends on the number of threads: it decides the graph, and a picture must not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reverie_ascent.lowering.layout import Tiling, tiled

SIDE = 4
"""Pixels. A tile of 6 saves products and loses them again to rounding (4.7e-6 against 1.6e-6) and larger transforms."""

CHUNK_BYTES = 3_600_000
"""What the transformed pixels of all chunks that are computed at once may take: about what a core's cache holds. One
chunk for all of a picture of 224 pixels costs 194 ms in VGG19's conv5_1, such chunks 179."""

FEWEST = 196
"""Tiles in a chunk, at least: with fewer, the matrix products lose more than the cache gains."""

SIDE_BY_SIDE = 2
"""Chunks that are computed at once where there are tiles enough. Two threads then have one each, more threads share."""

ENOUGH = 1.5
"""Tiles for each channel that make a chunk large enough for one thread alone. Each thread then brings all of a
product's weights into order, and with fewer tiles that costs more than is saved: at 56 pixels and 256 channels 8 %."""


@dataclass(frozen=True)
class Tiles:
    """The tiles of one program. ``channels`` is the largest number of channels at each size (N, H, W).

    Two cores that have no cache in common pay for every number that one hands to the other. Where a size has tiles
    enough, `SIDE_BY_SIDE` chunks are therefore a batch, and a thread keeps its chunk through all of a convolution.
    """

    channels: Mapping[tuple[int, int, int], int]
    side: int = SIDE

    def cut(self, batch: int, height: int, width: int) -> Tiling:
        """Return how pictures of a size are cut."""
        channels = self.channels.get((batch, height, width), 1)
        most = max(FEWEST, CHUNK_BYTES // (4 * channels * (self.side + 2) ** 2))
        total = batch * -(-height // self.side) * -(-width // self.side)
        share = min(most, total) // SIDE_BY_SIDE
        apart = share >= ENOUGH * channels
        together = SIDE_BY_SIDE if apart else 1
        return tiled(batch, height, width, side=self.side, most=share if apart else most, together=together)
