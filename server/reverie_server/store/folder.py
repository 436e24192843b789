"""Stores entries in a local folder, which any number of processes can share."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from reverie_server.store.place import EntryInfo

#: Seconds after which an unfinished write is taken to be that of a process that has ended.
ABANDONED_S = 3600

PART = ".part-"


class Folder:
    """Stores each entry as a file; the modification time of a file is the time of its last use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes and mark it as used; return None if there is no such file."""
        path = self._path / name
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        with contextlib.suppress(OSError):  # in a read-only folder the times of use are not recorded
            os.utime(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a temporary file in the same folder, sync it to the disk, and rename it."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=PART)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        (self._path / name).unlink(missing_ok=True)

    def entries(self) -> list[EntryInfo]:
        """Return every file, and remove unfinished writes of processes that have ended."""
        infos = []
        for folder, _, names in os.walk(self._path):
            for name in names:
                path = Path(folder, name)
                try:
                    state = path.stat()
                except FileNotFoundError:
                    continue  # another process removed it
                if not name.startswith(PART):
                    infos.append(EntryInfo(path.relative_to(self._path).as_posix(), state.st_size, state.st_mtime))
                elif time.time() - state.st_mtime > ABANDONED_S:
                    path.unlink(missing_ok=True)
        return infos
