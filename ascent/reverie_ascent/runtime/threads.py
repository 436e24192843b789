"""The threads of a step: each session has its own, unless the owner of the process makes one shared pool."""

from __future__ import annotations

import os

from reverie_ascent.runtime.ort import onnxruntime
from reverie_ascent.runtime.process import Origin

THREADS = "REVERIE_THREADS"


class SharedThreads:
    """One pool of threads that sessions of this process can share.

    Making one changes the whole process: from then on ONNX Runtime refuses every session with its own threads, which is
    the default of sessions that other code makes. So only the owner of a process, such as `reverie serve`, should make
    one, before it makes an engine. Without a pool each session has its own threads, and other code is not affected.

    ``count`` is the number of threads; the default is that of `thread_count`. Raises RuntimeError if this process has a
    pool already, because it cannot be replaced.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = thread_count(count)
        #: The process of its threads, which a forked child does not have.
        self.origin = Origin("a pool of threads")
        try:
            onnxruntime.set_global_thread_pool_sizes(self.count, 1)
        except Exception as error:  # onnxruntime's own exceptions have no common type
            raise RuntimeError(
                "this process has a shared pool of threads already, and ONNX Runtime takes no second one; use that one,"
                f" or let sessions have their own threads ({error})"
            ) from error


def thread_count(count: int | None = None) -> int:
    """Return the number of CPU threads of a step.

    It is ``count`` if that is given, or else the number in the environment variable REVERIE_THREADS, or else the number
    of cores that this process may use. Raises ValueError for a number below 1.
    """
    if count is None:
        variable = os.environ.get(THREADS, "")
        if not variable:
            return _cores()
        if not variable.isascii() or not variable.isdecimal() or int(variable) < 1:
            raise ValueError(f"{THREADS} is {variable!r} and must be a number of threads, at least 1")
        return int(variable)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"threads {count!r} is not a number of threads, at least 1, or a SharedThreads")
    return count


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
