"""A cache of the loaded programs, bounded by their memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterator, Mapping
from concurrent.futures import Future
from enum import Enum, auto
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Hashable)
B = TypeVar("B")


class Readiness(Enum):
    """Whether a program could make a step now."""

    READY = auto()
    #: It is being loaded.
    LOADING = auto()
    #: It can be loaded: there is room for it once programs that are not needed are dropped.
    LOADABLE = auto()
    #: It has to wait for memory.
    NO_ROOM = auto()


class ProgramCache(Generic[K, B]):
    """The loaded programs by key, each with its batch of renders; the least recently used is dropped first.

    It neither loads programs nor locks: its user calls `reserve`, loads the program, calls `add`, and guards the cache
    with a lock. `room` is in bytes. If no other program is loaded, a program is accepted whatever its size.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._batches: OrderedDict[K, B] = OrderedDict()
        self._loading: dict[K, Future[None]] = {}
        self._bytes: dict[K, int] = {}
        #: Programs loaded so far.
        self.builds = 0

    def __iter__(self) -> Iterator[B]:
        return iter(self._batches.values())

    @property
    def loaded(self) -> Collection[K]:
        """The programs that are loaded, the least recently used first."""
        return self._batches.keys()

    @property
    def bytes(self) -> int:
        """About how much memory the programs take, including those that are being loaded."""
        return sum(self._bytes.values())

    def readiness(self, key: K, weight: int, *, needed: Collection[K]) -> Readiness:
        """Return whether a program of `weight` bytes can run, if those that are `needed` stay; changes nothing."""
        if key in self._batches:
            return Readiness.READY
        if key in self._loading:
            return Readiness.LOADING
        staying = [taken for other, taken in self._bytes.items() if other in needed or other in self._loading]
        fits = not staying or sum(staying) + weight <= self._room
        return Readiness.LOADABLE if fits else Readiness.NO_ROOM

    def reserve(self, key: K, weight: int, loading: Future[None], *, needed: Collection[K]) -> None:
        """Note that a program is being loaded; drop programs that are not needed until there is room for it."""
        for other in [other for other in self._batches if other not in needed]:
            if self.bytes + weight <= self._room:
                break
            self.drop(other)
        self._bytes[key] = weight
        self._loading[key] = loading

    @property
    def being_loaded(self) -> Collection[K]:
        """The programs that are being loaded, the first one first."""
        return self._loading.keys()

    def loading(self, key: K) -> Future[None] | None:
        """Return a future that is done when a program is loaded, or raises the error; None if it is not loading."""
        return self._loading.get(key)

    def add(self, key: K, batch: B) -> None:
        """Add a program that was loaded."""
        del self._loading[key]
        self._batches[key] = batch
        self.builds += 1

    def use(self, key: K) -> B:
        """Return a loaded program's batch, and mark the program as the most recently used."""
        self._batches.move_to_end(key)
        return self._batches[key]

    def drop(self, key: K) -> None:
        """Forget a program, loaded or being loaded."""
        self._batches.pop(key, None)
        self._loading.pop(key, None)
        self._bytes.pop(key, None)

    def copy(self, names: Mapping[K, L], batch: B) -> ProgramCache[L, B]:
        """Return a cache in the same state that calls the programs by other names; all have the given batch."""
        twin: ProgramCache[L, B] = ProgramCache(self._room)
        twin._batches.update((names[key], batch) for key in self._batches)
        twin._loading = {names[key]: loading for key, loading in self._loading.items()}
        twin._bytes = {names[key]: taken for key, taken in self._bytes.items()}
        return twin
