"""The interface of the storage under a store: a folder, a bucket or memory that holds bytes by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EntryInfo:
    """A stored entry: its name, its size, and when it was last used, in seconds of the storage's clock."""

    name: str
    size_bytes: int
    used_at: float


class Place(Protocol):
    """Holds bytes by name; a name is a relative path with slashes. Methods raise the exceptions of the medium."""

    def read(self, name: str) -> bytes | None:
        """Return an entry's bytes and mark it as used, or None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write an entry atomically, replacing an older one."""

    def remove(self, name: str) -> None:
        """Remove an entry if there is one."""

    def entries(self) -> list[EntryInfo]:
        """Return all entries, in any order."""
