"""Which programs are loaded or being loaded, as many as fit in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from enum import Enum, auto

from reverie_server.scheduler.batch import Batch
from reverie_server.scheduler.render import Key


class Readiness(Enum):
    """Whether a program can make a step now."""

    READY = auto()
    #: It is being loaded.
    LOADING = auto()
    #: It can be loaded: it fits in memory if programs that are not needed are dropped.
    LOADABLE = auto()
    #: It has to wait for memory.
    NO_ROOM = auto()


class ProgramCache:
    """The loaded programs, each with its batch; the least recently used one is dropped first.

    It only keeps account: it loads nothing itself, and its user guards it with a lock. `room` is in bytes. A program
    that is alone is taken whatever its size.
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
        """About how much memory the programs take, those that are being loaded included."""
        return sum(self._bytes.values())

    def readiness(self, key: Key, weight: int, *, needed: Collection[Key]) -> Readiness:
        """Return whether a program of `weight` bytes is or can be loaded if the `needed` ones stay; change nothing."""
        if key in self._batches:
            return Readiness.READY
        if key in self._loading:
            return Readiness.LOADING
        staying = [taken for other, taken in self._bytes.items() if other in needed or other in self._loading]
        fits = not staying or sum(staying) + weight <= self._room
        return Readiness.LOADABLE if fits else Readiness.NO_ROOM

    def reserve(self, key: Key, weight: int, loading: Future[None], *, needed: Collection[Key]) -> None:
        """Note that a program is being loaded; drop programs that are not needed until it fits."""
        for other in [other for other in self._batches if other not in needed]:
            if self.bytes + weight <= self._room:
                break
            self.drop(other)
        self._bytes[key] = weight
        self._loading[key] = loading

    def loading(self, key: Key) -> Future[None] | None:
        """Return the future of a program that is being loaded, or None."""
        return self._loading.get(key)

    def add(self, key: Key, batch: Batch) -> None:
        """Add a program that was being loaded and is there now."""
        del self._loading[key]
        self._batches[key] = batch
        self.builds += 1

    def use(self, key: Key) -> Batch:
        """Return the batch of a loaded program, and note the program as the one used last."""
        self._batches.move_to_end(key)
        return self._batches[key]

    def drop(self, key: Key) -> None:
        """Remove a program, loaded or being loaded."""
        self._batches.pop(key, None)
        self._loading.pop(key, None)
        self._bytes.pop(key, None)
