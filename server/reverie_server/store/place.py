"""Where entries lie: what a store needs of a folder, a bucket or a piece of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Kept:
    """An entry that is there: its name, its size, and when it was last used, in seconds of the clock there."""

    name: str
    size_bytes: int
    used_at: float


class Place(Protocol):
    """Bytes by name, a name being a relative path with slashes. Anything may raise whatever its medium raises."""

    def read(self, name: str) -> bytes | None:
        """Return an entry's bytes and mark it as used, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Put an entry there whole or not at all, in place of an older one."""

    def remove(self, name: str) -> None:
        """Remove an entry, or do nothing where there is none."""

    def entries(self) -> list[Kept]:
        """Return all that is there, in no order."""
