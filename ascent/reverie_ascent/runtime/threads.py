"""How many threads a step has, and whose they are: each session's own, or one pool that a process's owner made."""

from __future__ import annotations

import os

import onnxruntime

from reverie_ascent.runtime.process import Origin

THREADS = "REVERIE_THREADS"


class SharedThreads:
    """One pool of threads for all sessions of this process that are given it.

    Making one changes the whole process: from then on ONNX Runtime refuses every session that wants threads of its own,
    which sessions made by other code do by default. It is for the owner of a process, as `reverie serve` is, and needs
    to be made before an engine is. Without one each session has its own threads, and other code is left alone.

    ``count`` is the number of threads; by default that of `thread_count`. Raises RuntimeError where this process has
    such a pool already: it cannot be replaced.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = thread_count(count)
        #: Where its threads are: they do not follow a fork.
        self.origin = Origin("a pool of threads")
        try:
            onnxruntime.set_global_thread_pool_sizes(self.count, 1)
        except Exception as error:  # onnxruntime's own exceptions have no common type
            raise RuntimeError(
                "this process has a shared pool of threads already, and ONNX Runtime takes no second one; use that one,"
                f" or let sessions have their own threads ({error})"
            ) from error


def thread_count(wanted: int | None = None) -> int:
    """Return how many CPU threads a step is to have.

    That is ``wanted``, or else the number in the environment variable REVERIE_THREADS, or else the number of cores that
    this process may use. Raises ValueError for a number below 1.
    """
    if wanted is None:
        told = os.environ.get(THREADS, "")
        if not told:
            return _cores()
        if not told.isascii() or not told.isdecimal() or int(told) < 1:
            raise ValueError(f"{THREADS} is {told!r} and has to be a number of threads, at least 1")
        return int(told)
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise ValueError(f"threads {wanted!r} is not a number of threads, at least 1, or a SharedThreads")
    return wanted


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
