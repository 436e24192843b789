"""Opens a store from its path or URL."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from reverie_ascent.maker import Maker

from reverie_server.store.folder import Folder
from reverie_server.store.place import Place
from reverie_server.store.store import Store

OFF = "off"
#: The default bound of a local folder; other stores have no default bound.
LOCAL_LIMIT_BYTES = 2 * 2**30


class UnusableStore(Exception):
    """No store can be opened at this address; the message says why."""


def default_folder() -> str:
    """Return the path of the default store, in the user's cache."""
    return str(Path(platformdirs.user_cache_dir("reverie")) / "results")


def open_store(url: str, maker: Maker, *, limit_bytes: int | None = None) -> Store | None:
    """Return the store at a path or an fsspec URL, such as s3://bucket/folder or memory://results; None for "off".

    A local folder is created at the first write. Its default bound is 2 GiB. Raises UnusableStore if no installed
    package supports the address.
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
