"""Counts and times of the device's work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reverie_server.errors import Interrupted
from reverie_server.request.events import Rendering


@dataclass(frozen=True)
class Stats:
    """What the device has done so far, and how many renders wait and run."""

    #: Steps of renders; several may have been made at once.
    steps: int = 0
    #: Times that the device made a step.
    runs: int = 0
    #: Steps that ended after their render was asked to stop: at most one for each, the one in progress.
    late_steps: int = 0
    #: The longest time of a step, and the longest from the request to stop a render until its place was free.
    longest_step_s: float = 0.0
    longest_release_s: float = 0.0
    finished: int = 0
    stopped: int = 0
    failed: int = 0
    #: Programs loaded so far, those that are loaded, and about how much memory these take.
    builds: int = 0
    programs: int = 0
    program_bytes: int = 0
    waiting: int = 0
    running: int = 0

    def after_step(self, *, renders: int, late: int, took_s: float) -> Stats:
        """Return the counts after one more step of `renders` renders, `late` of which were asked to stop before."""
        return replace(
            self,
            steps=self.steps + renders,
            runs=self.runs + 1,
            late_steps=self.late_steps + late,
            longest_step_s=max(self.longest_step_s, took_s),
        )

    def after_end(self, end: Rendering | BaseException, *, release_s: float) -> Stats:
        """Return the counts after the end of a render; its place was free `release_s` after it was asked to stop."""
        finished, stopped = isinstance(end, Rendering), isinstance(end, Interrupted)
        return replace(
            self,
            finished=self.finished + finished,
            stopped=self.stopped + stopped,
            failed=self.failed + (not finished and not stopped),
            longest_release_s=max(self.longest_release_s, release_s),
        )
