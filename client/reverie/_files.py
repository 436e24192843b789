"""Writes files atomically: a file is either complete or does not exist."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reverie.errors import UsageError


def write_atomically(path: str | Path, data: bytes) -> Path:
    """Write ``data`` to a temporary file next to ``path`` and rename it, so readers see the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _beside(path, path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's 0600 would keep a web server from reading the picture
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def try_to_write(path: str | Path) -> None:
    """Raise UsageError if :func:`write_atomically` could not write ``path``. Leaves no file behind.

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
        handle, temporary = _beside(path, folder)
    except OSError as error:
        problem = f"{path} cannot be written in {folder}: {error.strerror}. Name another place."
        raise UsageError(problem) from error
    os.close(handle)
    os.unlink(temporary)


def _beside(path: Path, folder: Path) -> tuple[int, str]:
    """Create an empty temporary file for the contents of ``path`` in ``folder``; return its descriptor and its path."""
    return tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
