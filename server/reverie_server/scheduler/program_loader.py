"""A thread that loads programs while other programs make steps."""

from __future__ import annotations

import logging
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
        key, state = key_of(request), self._state
        begun_at = state.clock()
        with state.lock:
            state.scheduler.loads.begin(begun_at)
        try:
            ascent = self._load(request)
        except Exception as error:
            with state.lock:
                state.scheduler.loads.fail()
            state.fail(key, error, active=False)
            raise
        ended_at = state.clock()
        took_s = ended_at - begun_at
        state.observer.built(took_s)
        log.info("built a program for %s in %.2f s", request.described, took_s)
        with state.lock:
            state.scheduler.loads.end(key, ended_at)
            state.programs.add(key, Batch(ascent))
            state.mark_changed()
