"""How large the tiles of Winograd's products are, how many go into one chunk, and how many chunks go side by side."""

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

ENOUGH = 1.5
"""Tiles for each channel that make a chunk large enough for one thread alone. Each thread then brings all of a
product's weights into order, and with fewer tiles that costs more than is saved: at 56 pixels and 256 channels 8 %."""


@dataclass(frozen=True)
class Tiles:
    """The tiles of one program. ``channels`` is the largest number of channels at each size (N, H, W).

    Two cores that have no cache in common pay for every number that one hands to the other. Where a size has tiles
    enough, each of the ``threads`` therefore gets a chunk of its own and keeps it through all of a convolution.
    """

    channels: Mapping[tuple[int, int, int], int]
    threads: int = 1
    side: int = SIDE

    def cut(self, batch: int, height: int, width: int) -> Tiling:
        """Return how pictures of a size are cut."""
        channels = self.channels.get((batch, height, width), 1)
        most = max(FEWEST, CHUNK_BYTES // (4 * channels * (self.side + 2) ** 2))
        total = batch * -(-height // self.side) * -(-width // self.side)
        share = min(most, total) // self.threads
        apart = share >= ENOUGH * channels
        together = self.threads if apart else 1
        return tiled(batch, height, width, side=self.side, most=share if apart else most, together=together)
