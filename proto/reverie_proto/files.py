"""Writes files atomically: a file is either complete or does not exist."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_atomically(path: str | Path, data: bytes) -> Path:
    """Write ``data`` to a temporary file next to ``path`` and rename it, so readers see the old file or the new one.

    Missing folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = beside(path, path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def beside(path: Path, folder: Path) -> tuple[int, Path]:
    """Create an empty temporary file for the contents of ``path`` in ``folder``; return its descriptor and its path.

    It gets the permissions that any new file of this process gets; those of ``tempfile`` would keep a web server from
    reading a picture.
    """
    temporary = folder / f".{path.name}.{secrets.token_hex(4)}"
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), temporary
