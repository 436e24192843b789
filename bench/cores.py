"""Do the two cores share a cache just now? On a virtual machine that changes.

The host moves its guests' cores about, and on processors with several caches of the third level, such as AMD's EPYC,
two of them may have one in common now and none half a minute later. What one core has written the other then gets at
0.6 of the speed, and a step whose threads read each other's numbers takes up to twice as long. To the guest that looks
like a neighbour's load, but for its sharp edges. So a race asks before and after every burst, and compares like with
like. What sharing looks like is known from the fastest handover of a run: where the cores never share, they seem to.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

#: What is handed over: more than a first-level cache holds, and less than a core's own second level.
BYTES, TIMES = 2**19, 40
#: Of the fastest handover seen, what counts as through one cache.
SHARED = 0.8


class Cores:
    """The first two cores that this process may use, a thread on each."""

    def __init__(self) -> None:
        self._written, self._read = np.zeros(BYTES // 4, np.float32), np.zeros(BYTES // 4, np.float32)
        self._threads = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]
        if sys.platform == "linux":
            for thread, core in zip(self._threads, sorted(os.sched_getaffinity(0)), strict=False):
                thread.submit(os.sched_setaffinity, 0, {core}).result()  # 0: the thread that calls
        #: The fastest handover so far, in bytes per second.
        self.best = 0.0

    def handover(self) -> float:
        """Return how fast one core reads what the other has just written, in bytes per second: it takes 10 ms."""
        first, second = self._threads
        taken = []
        for k in range(TIMES):
            first.submit(self._written.fill, k).result()
            taken.append(second.submit(self._take).result())
        speed = BYTES / statistics.median(taken)
        self.best = max(self.best, speed)
        return speed

    def near(self, speed: float) -> bool:
        """Return whether the cores shared a cache at a handover of that speed."""
        return speed >= SHARED * self.best

    def _take(self) -> float:
        begun = time.perf_counter()
        np.copyto(self._read, self._written)
        return time.perf_counter() - begun
