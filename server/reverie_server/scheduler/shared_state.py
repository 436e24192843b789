"""The state that the threads around a device share, and the lock that guards it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Condition

from reverie_server.limits import Limits
from reverie_server.observer import Observer
from reverie_server.request.events import Rendering
from reverie_server.scheduler.batch import Batch
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.progress import log_end
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.scheduler import Scheduler
from reverie_server.scheduler.stats import Stats


class SharedState:
    """The scheduler, the program cache and the counts. `lock` guards them and the state of every render.

    No subscriber is woken while the lock is held. An `active` render is ended by the thread that makes the steps, any
    other one by the thread that removes it from the queue, so each ends once. `start` is called after every change,
    with the lock held: it starts the thread that makes the steps if that has ended.
    """

    def __init__(
        self,
        places: int,
        limits: Limits,
        *,
        clock: Callable[[], float],
        observer: Observer,
        start: Callable[[], None],
    ) -> None:
        self.lock = Condition()
        self.programs: ProgramCache[Key, Batch] = ProgramCache(limits.program_memory_mb * 2**20)
        self.scheduler = Scheduler(places, limits, self.programs)
        self.stats = Stats()
        #: Whether the queue or the programs have changed since the thread that makes the steps last checked.
        self.changed = False
        self.clock, self.observer = clock, observer
        self._start = start

    def mark_changed(self) -> None:
        """Note that the queue or the programs have changed; the lock is held."""
        self.changed = True
        self._start()
        self.lock.notify_all()

    def finish(self, render: Render, end: Rendering | BaseException) -> None:
        """Remove a render from the queue and count its end. The lock is held; call `report_end` without it."""
        release_s = 0.0 if render.stopped_at is None else self.clock() - render.stopped_at
        self.scheduler.finish(render)
        self.stats = self.stats.after_end(end, release_s=release_s)
        self.mark_changed()

    def report_end(self, render: Render, end: Rendering | BaseException) -> None:
        """Report how a render has ended to the log, the observer and the subscribers."""
        outcome = log_end(render.request, end)
        since = render.submitted_at if render.begun_at is None else render.begun_at
        self.observer.rendered(outcome, end.elapsed_s if isinstance(end, Rendering) else self.clock() - since)
        if isinstance(end, Rendering) and render.foretold_s is not None:
            self.observer.foretold(render.foretold_s, self.clock() - render.submitted_at)
        render.post(end)

    def end(self, render: Render, end: Rendering | BaseException) -> None:
        """Finish a render and report it."""
        with self.lock:
            self.finish(render, end)
        self.report_end(render, end)

    def fail(self, key: Key, error: BaseException, *, active: bool) -> None:
        """Drop a program, and end its renders whose `active` has the given value with an error."""
        with self.lock:
            self.programs.drop(key)
            failed = [render for render in self.scheduler.queue if render.key == key and render.active is active]
            for render in failed:
                self.finish(render, error)
        for render in failed:
            self.report_end(render, error)

    def snapshot(self) -> Stats:
        """Return the counts at this moment."""
        with self.lock:
            return replace(
                self.stats,
                waiting=self.scheduler.queue.waiting(),
                running=self.scheduler.queue.begun,
                builds=self.programs.builds,
                programs=len(self.programs.loaded),
                program_bytes=self.programs.bytes,
            )
