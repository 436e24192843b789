"""The thread that computes: for each device one thread makes the steps of the renders whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

from reverie_ascent import Ascent
from reverie_ascent.program import build, program_key
from reverie_ascent.runtime.session import Device

from reverie_server.errors import Draining, Interrupted, InvalidRequest, Violation
from reverie_server.limits import Limits
from reverie_server.observer import NO_OBSERVER, Observer, SafeObserver
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.estimate import Estimates
from reverie_server.scheduler.malloc_trim import Heap
from reverie_server.scheduler.memory import footprint
from reverie_server.scheduler.program_cache import Readiness
from reverie_server.scheduler.program_loader import ProgramLoader
from reverie_server.scheduler.progress import accepted, post_positions
from reverie_server.scheduler.render import Render, key_of
from reverie_server.scheduler.shared_state import SharedState
from reverie_server.scheduler.stats import Stats
from reverie_server.scheduler.turns import Turns

#: The points at which tests delay a thread, to check that no result depends on which thread is first.
RACE_POINTS = ("enqueue", "admit", "step", "finish")


class StepLoop:
    """Makes the steps of renders in the turns that a `Scheduler` chooses; renders may be submitted from any thread.

    `load` makes the ascent of a program. The thread ends when there is nothing to do, and starts again when there is.
    """

    def __init__(
        self,
        device: Device,
        limits: Limits,
        observer: Observer = NO_OBSERVER,
        *,
        load: Callable[[RenderRequest], Ascent] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        race_point: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.device = device
        self._limits, self._race_point = limits, race_point
        safe = SafeObserver(observer)
        self._state = SharedState(device.batch, limits, clock=clock, observer=safe, start=self._start)
        self._loader = ProgramLoader(load or self._load, self._state)
        self._estimates = Estimates(device, self._state.scheduler.step_times)
        self._turns = Turns(self._state, self._estimates, race_point=race_point)
        self._footprint = lru_cache(maxsize=256)(footprint)
        self._heap = Heap()
        # An executor waits for its thread when the interpreter exits; a daemon thread would die inside ONNX Runtime.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="reverie-render")
        self._working = False
        self._closed = False

    def estimated(self, request: RenderRequest) -> RenderRequest:
        """Return a request with estimates of its time and its memory."""
        return replace(
            request,
            estimated_s=self._estimates.seconds(request),
            program_bytes=self._footprint(request.model, program_key(request.recipe), self.device),
        )

    def submit(
        self, render: Render, *, client: str = "", background: bool = False, deadline_s: float | None = None
    ) -> None:
        """Add a render of a `client` to the queue for the device, which clients share fairly.

        Raises QueueFull if too many wait, TooLate if the picture is unlikely to be done in `deadline_s` seconds,
        Draining after `close`, and Interrupted if `stop` was called already.
        """
        self._race_point("enqueue")
        state = self._state
        with state.lock:
            if self._closed:
                raise Draining
            if render.stopped:
                raise Interrupted
            render.client, render.background = client, background
            state.scheduler.add(render, state.clock(), deadline_s=deadline_s)
            render.put(accepted(render))  # while the thread does not see it yet
            state.mark_changed()
        render.notify()

    def promote(self, render: Render, *, client: str) -> None:
        """Make a background render an interactive one of a client, unless it has begun.

        If no more renders of that client may wait, it stays in the background.
        """
        with self._state.lock:
            if self._state.scheduler.promote(render, client=client):
                self._state.mark_changed()

    def stop(self, render: Render) -> None:
        """End a render before its next step, or before it begins; no effect if it is done.

        Its subscribers get `Interrupted`.
        """
        state = self._state
        with state.lock:
            again, render.stopped = render.stopped, True
            if again or render not in state.scheduler.queue:
                return
            if render.active:
                render.stopped_at = state.clock()
                return
            state.finish(render, Interrupted())
        state.report_end(render, Interrupted())

    def warm(self, request: RenderRequest) -> None:
        """Load the program of a request and wait until it is loaded; raise InvalidRequest if it has no room."""
        key, state = key_of(request), self._state
        with state.lock:
            needed = state.programs.loaded
            readiness = state.programs.readiness(key, request.program_bytes, needed=needed)
            if readiness is Readiness.LOADABLE:
                self._loader.start(request, needed=needed)
            loading = state.programs.loading(key)
        if readiness is Readiness.NO_ROOM:
            problem = f"{request.described} finds no room besides the other programs; raise program_memory_mb"
            raise InvalidRequest([Violation("warm", f"{problem}, {self._limits.program_memory_mb} now")])
        if loading is not None:
            loading.result()

    def stats(self) -> Stats:
        """Return the counts at this moment."""
        return self._state.snapshot()

    def close(self) -> None:
        """Stop every render before its next step, and wait until the device is idle."""
        with self._state.lock:
            self._closed = True
            live = list(self._state.scheduler.queue)
        for render in live:
            self.stop(render)
        self._executor.shutdown(wait=True)
        self._loader.close()

    def _load(self, request: RenderRequest) -> Ascent:
        ascent = Ascent(build(request.model, request.recipe, batch=self.device.batch, device=self.device))
        self._heap.trim()  # glibc would keep hundreds of MiB of what loading needs temporarily
        return ascent

    def _start(self) -> None:
        """Start the thread if it has ended and there is something to do; the lock is held."""
        if not self._working and self._state.scheduler.queue:
            self._working = True
            self._executor.submit(self._work)

    # ----- in the thread that makes the steps -----

    def _work(self) -> None:
        """Make steps until no render is left; on an unexpected error, end all renders with it so that none hangs."""
        try:
            while renders := self._next():
                key = renders[0].key
                try:
                    self._turns.take(key, renders)
                except BaseException as error:
                    self._turns.give_up(key, error)
            self._heap.trim()
        except BaseException as error:  # for example, a process that ends cannot start the thread that loads
            with self._state.lock:
                failed = list(self._state.scheduler.queue)
                for render in failed:
                    self._state.finish(render, error)
                    if render.place is not None:
                        self._state.programs.drop(render.key)
                self._working = False
            for render in failed:
                self._state.report_end(render, error)

    def _next(self) -> Sequence[Render]:
        """Wait until a render is ready; return the renders that have the next turn, or none if all are done."""
        state, scheduler = self._state, self._state.scheduler
        while True:
            with state.lock:
                while (turn := scheduler.schedule()).load is not None:
                    self._loader.start(turn.load.request, needed=scheduler.queue.needed)
                for render in turn.renders:
                    render.active = True
                state.changed = False
                moved = scheduler.positions.moved(state.clock())
                if not (turn.renders or moved):
                    if not scheduler.queue:
                        self._working = False
                        return ()
                    state.lock.wait(scheduler.positions.due_s(state.clock()))
            post_positions(moved)
            if turn.renders:
                return turn.renders
