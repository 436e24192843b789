"""A thread that loads programs while other programs make steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from reverie_ascent import Ascent

from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.batch import Batch
from reverie_server.scheduler.render import Key, key_of
from reverie_server.scheduler.shared_state import SharedState

log = logging.getLogger(__name__)


class ProgramLoader:
    """Loads programs one after the other in its own thread; `load` makes the ascent of a program.

    If a program cannot be loaded, all renders that wait for it fail. A later request tries to load it again.
    """

    def __init__(self, load: Callable[[RenderRequest], Ascent], state: SharedState) -> None:
        self._load, self._state = load, state
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="reverie-load")

    def start(self, request: RenderRequest, *, needed: Collection[Key]) -> None:
        """Start to load the program of a request; programs that are not needed make room for it. The lock is held."""
        loading = self._executor.submit(self._run, request)
        self._state.programs.reserve(key_of(request), request.program_bytes, loading, needed=needed)

    def close(self) -> None:
        """Wait until the programs that are being loaded are done."""
        self._executor.shutdown(wait=True)

    def _run(self, request: RenderRequest) -> None:
        key, begun = key_of(request), time.perf_counter()
        try:
            ascent = self._load(request)
        except Exception as error:
            self._state.fail(key, error, active=False)
            raise
        took_s = time.perf_counter() - begun
        self._state.observer.built(took_s)
        log.info("built a program for %s in %.2f s", request.described, took_s)
        with self._state.lock:
            self._state.programs.add(key, Batch(ascent))
            self._state.mark_changed()
