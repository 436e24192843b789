"""How large the tiles of Winograd's products are, and how many go into one chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SIDE = 4
"""Pixels. A tile of 6 saves products and loses them again to rounding (4.7e-6 against 1.6e-6) and larger transforms."""

CHUNK_BYTES = 3_600_000
"""What the transformed pixels of a chunk may take: about what a core's cache holds. One chunk for all of a picture of
224 pixels costs 194 ms in VGG19's conv5_1, such chunks 179."""

FEWEST = 196
"""Tiles in a chunk, at least: with fewer, the matrix products lose more than the cache gains."""


@dataclass(frozen=True)
class Tiles:
    """The tiles of one program. ``channels`` is the largest number of channels at each size (N, H, W)."""

    channels: Mapping[tuple[int, int, int], int]
    side: int = SIDE

    def most(self, batch: int, height: int, width: int) -> int:
        """Return the largest number of tiles in a chunk."""
        points = (self.side + 2) ** 2
        per_tile = points * self.channels.get((batch, height, width), 1) * 4
        return max(FEWEST, CHUNK_BYTES // per_tile)
