"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reverie.errors import UsageError


def write_atomically(path: str | Path, data: bytes) -> Path:
    """Write ``data`` beside ``path`` and rename it: whoever looks sees the old file or the whole new one."""
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
    """See whether :func:`write_atomically` can write ``path``, and leave nothing behind; raise UsageError if not.

    A folder that is missing is not made: the one in which it would be made has to be writable.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it.")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        # To ask for the rights is not enough: root has all of them, on a read-only disk too.
        handle, temporary = _beside(path, folder)
    except OSError as error:
        problem = f"{path} cannot be written in {folder}: {error.strerror}. Name another place."
        raise UsageError(problem) from error
    os.close(handle)
    os.unlink(temporary)


def _beside(path: Path, folder: Path) -> tuple[int, str]:
    """An empty file in a folder, for what ``path`` is to hold: its descriptor and its path."""
    return tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
