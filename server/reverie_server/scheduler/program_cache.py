"""A cache of the loaded programs, bounded by their memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from enum import Enum, auto

from reverie_server.scheduler.batch import Batch
from reverie_server.scheduler.render import Key


class Readiness(Enum):
    """Whether a program could make a step now."""

    READY = auto()
    #: It is being loaded.
    LOADING = auto()
    #: It can be loaded: there is room for it once programs that are not needed are dropped.
    LOADABLE = auto()
    #: It has to wait for memory.
    NO_ROOM = auto()


class ProgramCache:
    """The loaded programs, each with the renders in its batch; the least recently used is dropped first.

    It neither loads programs nor locks: its user calls `reserve`, loads the program, calls `add`, and guards the cache
    with a lock. `room` is in bytes. If no other program is loaded, a program is accepted whatever its size.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._batches: OrderedDict[Key, Batch] = OrderedDict()
        self._loading: dict[Key, Future[None]] = {}
        self._bytes: dict[Key, int] = {}
        #: Programs loaded so far.
        self.builds = 0

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._batches.values())

    @property
    def loaded(self) -> Collection[Key]:
        """The programs that are loaded, the least recently used first."""
        return self._batches.keys()

    @property
    def bytes(self) -> int:
        """About how much memory the programs take, including those that are being loaded."""
        return sum(self._bytes.values())

    def readiness(self, key: Key, weight: int, *, needed: Collection[Key]) -> Readiness:
        """Return whether a program of `weight` bytes can run, if those that are `needed` stay; changes nothing."""
        if key in self._batches:
            return Readiness.READY
        if key in self._loading:
            return Readiness.LOADING
        staying = [taken for other, taken in self._bytes.items() if other in needed or other in self._loading]
        fits = not staying or sum(staying) + weight <= self._room
        return Readiness.LOADABLE if fits else Readiness.NO_ROOM

    def reserve(self, key: Key, weight: int, loading: Future[None], *, needed: Collection[Key]) -> None:
        """Note that a program is being loaded; drop programs that are not needed until there is room for it."""
        for other in [other for other in self._batches if other not in needed]:
            if self.bytes + weight <= self._room:
                break
            self.drop(other)
        self._bytes[key] = weight
        self._loading[key] = loading

    def loading(self, key: Key) -> Future[None] | None:
        """Return a future that is done when a program is loaded, or raises the error; None if it is not loading."""
        return self._loading.get(key)

    def add(self, key: Key, batch: Batch) -> None:
        """Add a program that was loaded."""
        del self._loading[key]
        self._batches[key] = batch
        self.builds += 1

    def use(self, key: Key) -> Batch:
        """Return a loaded program's batch, and mark the program as the most recently used."""
        self._batches.move_to_end(key)
        return self._batches[key]

    def drop(self, key: Key) -> None:
        """Forget a program, loaded or being loaded."""
        self._batches.pop(key, None)
        self._loading.pop(key, None)
        self._bytes.pop(key, None)
