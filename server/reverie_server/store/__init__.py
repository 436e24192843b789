"""The store of finished pictures: by digest, in a folder or wherever fsspec reaches; see `Store` and `open_store`."""

from reverie_server.store.opening import UnusableStore, default_folder, open_store
from reverie_server.store.store import NotKept, Store

__all__ = ["NotKept", "Store", "UnusableStore", "default_folder", "open_store"]
