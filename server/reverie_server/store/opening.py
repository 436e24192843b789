"""From what a person says of a store to the store."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from reverie_ascent.maker import Maker

from reverie_server.store.folder import Folder
from reverie_server.store.place import Place
from reverie_server.store.store import Store

OFF = "off"
#: The bound of a local folder, unless told otherwise; elsewhere there is none.
LOCAL_LIMIT_BYTES = 2 * 2**30


class UnusableStore(Exception):
    """There can be no store at this address; the message says why."""


def default_folder() -> str:
    """Return where results are kept unless told otherwise: in the user's cache."""
    return str(Path(platformdirs.user_cache_dir("reverie")) / "results")


def open_store(url: str, maker: Maker, *, limit_bytes: int | None = None) -> Store | None:
    """Return the store at a path or an fsspec URL, such as s3://bucket/folder or memory://results; None for "off".

    A local folder is made when it is first written to, and holds 2 GiB unless `limit_bytes` says otherwise. Raises
    UnusableStore for an address that no installed package knows.
    """
    if url == OFF:
        return None
    place = _place(url)
    if limit_bytes is None and isinstance(place, Folder):
        limit_bytes = LOCAL_LIMIT_BYTES
    return Store(place, maker, limit_bytes)


def _place(url: str) -> Place:
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    from reverie_server.store.remote import Remote

    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UnusableStore(f"no results can be stored at {url}: {error}") from error
    return Folder(Path(path)) if isinstance(files, LocalFileSystem) else Remote(files, path)
