"""Stores finished pictures by digest. If the storage fails, pictures are rendered again, but no request fails."""

from __future__ import annotations

import logging

from reverie_ascent.maker import Maker

from reverie_server.request.events import Rendering
from reverie_server.store import entry
from reverie_server.store.bound import Bound
from reverie_server.store.breaker import Breaker
from reverie_server.store.entry import Corrupt
from reverie_server.store.place import Place

log = logging.getLogger(__name__)


class StoreWriteError(Exception):
    """A finished picture could not be stored; the message says why."""


class Store:
    """The pictures of one maker in a place; each maker has its own folder, so that makers do not mix their pictures.

    Calls may come from any thread, and block as long as the place does.
    """

    def __init__(self, place: Place, maker: Maker, limit_bytes: int | None) -> None:
        self._place = place
        self._maker = maker
        self._bound = None if limit_bytes is None else Bound(place, limit_bytes)
        self._reading = Breaker(f"results cannot be read from {place}")
        self._writing = Breaker(f"results cannot be stored in {place}")

    def get(self, digest: str) -> Rendering | None:
        """Return the picture of a digest, or None if it is missing, damaged or cannot be read."""
        if not self._reading.closed():
            return None
        name = self._name(digest)
        try:
            data = self._place.read(name)
        except Exception as error:  # each medium has its own exceptions
            self._reading.failed(error)
            return None
        self._reading.worked()
        if data is None:
            return None
        try:
            return entry.decode(data, digest, self._maker)
        except Corrupt as error:
            log.warning("the stored result %s is damaged (%s); it will be rendered again", name, error)
            self._discard(name)
            return None

    def put(self, rendering: Rendering) -> None:
        """Store a picture; raise StoreWriteError if that fails."""
        if not self._writing.closed():
            raise StoreWriteError(self._writing.problem)
        name, data = self._name(rendering.spec_digest), entry.encode(rendering, self._maker)
        try:
            self._place.write(name, data)
            if self._bound is not None:
                self._bound.wrote(name, len(data))
        except Exception as error:  # each medium has its own exceptions
            self._writing.failed(error)
            raise StoreWriteError(self._writing.problem) from error
        self._writing.worked()

    def _discard(self, name: str) -> None:
        try:
            self._place.remove(name)
        except Exception as error:
            log.warning("the damaged result %s cannot be removed: %s", name, error)

    def _name(self, digest: str) -> str:
        return f"{self._maker.name}/{digest[:2]}/{digest}"
