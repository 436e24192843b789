"""Stores finished pictures by digest, in a folder or on any file system of fsspec; see `Store` and `open_store`."""

from reverie_server.store.opening import UnusableStore, default_folder, open_store
from reverie_server.store.store import Store, StoreWriteError

__all__ = ["Store", "StoreWriteError", "UnusableStore", "default_folder", "open_store"]
