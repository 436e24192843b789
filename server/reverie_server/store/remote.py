"""Stores entries on an fsspec file system: a bucket, another machine, or this process's memory."""

from __future__ import annotations

import contextlib
from typing import Any

from reverie_server.store.place import EntryInfo


class Remote:
    """Stores each entry as an object of an fsspec file system, written in one call, which object stores do atomically.

    The time of last use is the modification time that the file system reports; in a bucket that is when the object was
    written.
    """

    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")

    def __str__(self) -> str:
        return str(self._files.unstrip_protocol(self._root))

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; None if there is no such object."""
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write an object."""
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, data)

    def remove(self, name: str) -> None:
        """Remove an object if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")

    def entries(self) -> list[EntryInfo]:
        """Return every object."""
        self._files.invalidate_cache()
        listing = self._files.find(self._root, detail=True)
        return [
            EntryInfo(path[len(self._root) :].lstrip("/"), info["size"], self._files.modified(path).timestamp())
            for path, info in listing.items()
        ]
