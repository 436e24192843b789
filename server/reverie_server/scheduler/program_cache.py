"""The programs that are loaded, as many as there is memory for, and the thread that loads them."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition

from reverie_ascent import Ascent

from reverie_server.observer import Observer
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.queue import Key, Readiness

log = logging.getLogger(__name__)


class Shelf:
    """Loaded programs, each with the ascent that climbs by it; the least recently used leaves first.

    Loading has a thread of its own: steps go on meanwhile. `load` makes an ascent; `room` is in bytes. `changed` is the
    worker's lock, held around every call but `close`; it is notified when loading has ended. `failed` is called, with
    the lock held, for what cannot be loaded; it may be asked for again. `observer` is told what loading took.
    """

    def __init__(
        self,
        load: Callable[[RenderRequest], Ascent],
        *,
        room: int,
        changed: Condition,
        failed: Callable[[Key, Exception], None],
        observer: Observer,
    ) -> None:
        self._load, self._room, self._changed, self._failed = load, room, changed, failed
        self._observer = observer
        self._loaded: OrderedDict[Key, Ascent] = OrderedDict()
        self._coming: dict[Key, Future[None]] = {}
        self._bytes: dict[Key, int] = {}
        #: Programs loaded so far.
        self.builds = 0
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="reverie-load")

    @property
    def loaded(self) -> Collection[Key]:
        """Which are there, the least recently used first."""
        return self._loaded.keys()

    @property
    def bytes(self) -> int:
        """About how much memory is taken, by programs that are being loaded too."""
        return sum(self._bytes.values())

    def use(self, key: Key) -> Ascent:
        """Return a loaded one, which was used last from now on."""
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def peek(self, key: Key) -> Ascent:
        """Return a loaded one."""
        return self._loaded[key]

    def readiness(self, key: Key, order: RenderRequest, *, needed: Collection[Key]) -> Readiness:
        """Whether a program is loaded; where it is not, have it loaded once what is not `needed` left room for it."""
        if key in self._loaded:
            return Readiness.READY
        if key in self._coming:
            return Readiness.COMING
        if not self._make_room(order.program_bytes, needed):
            return Readiness.NO_ROOM
        self._bytes[key] = order.program_bytes
        self._coming[key] = self._builder.submit(self._build, key, order)
        return Readiness.COMING

    def coming(self, key: Key) -> Future[None] | None:
        """Return what ends when a program that is being loaded is there, or raises what went wrong."""
        return self._coming.get(key)

    def drop(self, key: Key) -> None:
        """Forget a program."""
        self._loaded.pop(key, None)
        self._bytes.pop(key, None)

    def close(self) -> None:
        """Wait for what is being loaded, and forget all; to be called without the lock."""
        self._builder.shutdown(wait=True)
        self._loaded.clear()
        self._bytes.clear()

    def _make_room(self, weight: int, needed: Collection[Key]) -> bool:
        """Drop the least recently used of those that nobody needs until there is room; a program alone always fits."""
        for key in [key for key in self._loaded if key not in needed]:
            if self.bytes + weight <= self._room:
                break
            self.drop(key)
        return not self._bytes or self.bytes + weight <= self._room

    def _build(self, key: Key, request: RenderRequest) -> None:
        begun = time.perf_counter()
        try:
            ascent = self._load(request)
        except Exception as error:
            with self._changed:
                del self._coming[key], self._bytes[key]
                self._failed(key, error)
                self._changed.notify_all()
            raise
        took = time.perf_counter() - begun
        self._observer.built(took)
        log.info("built a program for %s in %.2f s", request.described, took)
        with self._changed:
            del self._coming[key]
            self._loaded[key] = ascent
            self.builds += 1
            self._changed.notify_all()
