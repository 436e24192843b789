"""Checks that a file can be written before the work that its contents need."""

from __future__ import annotations

import os
from pathlib import Path

from reverie_proto.files import beside

from reverie.errors import UsageError


def try_to_write(path: str | Path) -> None:
    """Raise UsageError if :func:`reverie_proto.files.write_atomically` could not write ``path``. Leaves no file behind.

    A missing folder is not created; instead the nearest existing parent folder has to be writable.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it.")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        # Checking the permissions is not enough: root has all of them, even on a read-only disk.
        handle, temporary = beside(path, folder)
    except OSError as error:
        problem = f"{path} cannot be written in {folder}: {error.strerror}. Name another place."
        raise UsageError(problem) from error
    os.close(handle)
    os.unlink(temporary)
