"""Atomic writing of a model folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reverie_export.errors import BadOption, FolderInUse

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PARTIAL = ".partial-"  # in the names of unfinished folders, before the id of the process that writes them


def check_free(out: Path, name: str, *, force: bool) -> Path:
    """Return the path of the model ``name`` in ``out``; raise if no model may be written there."""
    if not NAME.fullmatch(name):
        raise BadOption(f"--name {name!r}: use letters, digits, '.', '_' and '-', the first a letter or digit")
    if out.exists() and not out.is_dir():
        raise BadOption(f"--out {out} is a file, not a folder")
    folder = out / name
    if folder.exists() and not force:
        raise FolderInUse(f"{folder} exists; replace it with --force or choose another --name")
    return folder


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that is renamed to ``folder`` at the end, replacing an existing one.

    If the block raises, it is removed. If the process is killed, it stays under a name that readers ignore, and the
    next export into the same folder removes it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    partial = folder.parent / f".{folder.name}{PARTIAL}{os.getpid()}"
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            old = partial.with_name(f"{partial.name}-old")
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
    finally:
        if partial.exists():
            shutil.rmtree(partial)


def _sweep(out: Path) -> None:
    """Remove the unfinished folders of exports that were killed."""
    for left in out.glob(f".*{PARTIAL}*"):
        owner = left.name.rpartition(PARTIAL)[2].removesuffix("-old")
        if left.is_dir() and owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(left)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True
