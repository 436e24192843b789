"""Bounds the size of a store by removing the least recently used entries."""

from __future__ import annotations

import logging
from threading import Lock

from reverie_server.store.place import Place

log = logging.getLogger(__name__)

#: The share of the bound that is freed at once, so that a full store is not listed at every write.
SPARE = 1 / 10
#: The share of the bound that may be written before the entries are counted again, because other processes write too.
UNCOUNTED = 1 / 16


class Bound:
    """Keeps a place within `limit_bytes`."""

    def __init__(self, place: Place, limit_bytes: int) -> None:
        self._place = place
        self._limit = limit_bytes
        self._lock = Lock()
        #: The bytes at the last count, None before the first, and the bytes written since.
        self._counted: int | None = None
        self._written = 0

    def wrote(self, name: str, size_bytes: int) -> None:
        """Record a new entry, and remove others if the store is too large, but never this one."""
        with self._lock:
            self._written += size_bytes
            if (
                self._counted is not None
                and self._written <= self._limit * UNCOUNTED
                and self._counted + self._written <= self._limit
            ):
                return
            self._counted, self._written = self._make_room(name), 0

    def _make_room(self, newest: str) -> int:
        """Remove entries if the store is too large; return how many bytes it holds afterwards."""
        entries = sorted(self._place.entries(), key=lambda entry: entry.used_at)
        total = sum(entry.size_bytes for entry in entries)
        if total <= self._limit:
            return total
        removed = 0
        for entry in entries:
            if total <= self._limit * (1 - SPARE):
                break
            if entry.name != newest:  # its time may not be the newest, because the clock may have been set
                self._place.remove(entry.name)
                total -= entry.size_bytes
                removed += 1
        log.info("removed %d results that were not used for long: the store is full", removed)
        return total
