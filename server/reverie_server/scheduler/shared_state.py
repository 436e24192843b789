"""What the threads around a device share, and the lock that guards it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Condition

from reverie_server.limits import Limits
from reverie_server.observer import Observer
from reverie_server.request.events import Rendering
from reverie_server.scheduler.program_cache import ProgramCache
from reverie_server.scheduler.progress import log_end
from reverie_server.scheduler.render import Key, Render
from reverie_server.scheduler.scheduler import Scheduler
from reverie_server.scheduler.stats import Stats


class SharedState:
    """The scheduler, the program cache and the counts. `lock` guards them and the state of every render.

    Nobody who listens is woken while the lock is held. A render that is `active` is ended by the thread that makes the
    steps, any other one by the thread that takes it from the queue; so each ends once. `start` is called, with the lock
    held, after every change: it lets the thread that makes the steps look.
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
        self.programs = ProgramCache(limits.program_memory_mb * 2**20)
        self.scheduler = Scheduler(places, limits, self.programs)
        self.stats = Stats()
        #: Whether the queue or the programs have changed since the thread that makes the steps looked at them.
        self.stirred = False
        self.clock, self.observer = clock, observer
        self._start = start

    def stir(self) -> None:
        """Note that the queue or the programs have changed; the lock is held."""
        self.stirred = True
        self._start()
        self.lock.notify_all()

    def finish(self, render: Render, end: Rendering | BaseException) -> None:
        """Take a render from the queue and count its end, to be reported by `report_end`; the lock is held."""
        release_s = 0.0 if render.stopped_at is None else self.clock() - render.stopped_at
        self.scheduler.finish(render)
        self.stats = self.stats.after_end(end, release_s=release_s)
        self.stir()

    def report_end(self, render: Render, end: Rendering | BaseException) -> None:
        """Tell the log, the observer and those who listen how a render has ended."""
        outcome = log_end(render.request, end)
        since = render.submitted_at if render.begun_at is None else render.begun_at
        self.observer.rendered(outcome, end.elapsed_s if isinstance(end, Rendering) else self.clock() - since)
        render.post(end)

    def end(self, render: Render, end: Rendering | BaseException) -> None:
        """Finish a render and report it."""
        with self.lock:
            self.finish(render, end)
        self.report_end(render, end)

    def fail(self, key: Key, error: BaseException, *, active: bool) -> None:
        """Forget a program, and end the renders of it that are active, or those that are not."""
        with self.lock:
            self.programs.drop(key)
            lost = [render for render in self.scheduler.queue if render.key == key and render.active is active]
            for render in lost:
                self.finish(render, error)
        for render in lost:
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
