"""Returns freed memory to the operating system when the device is idle and when a program was loaded.

Pictures of many sizes, made by one thread and sent by others, leave free pages in the heaps of glibc, which keeps
them: a server that has been busy for an hour holds several percent more memory than it uses, and a little more every
hour.

The call affects the whole process, including a host's own memory. It only returns pages that nothing uses, and changes
no setting of the allocator: other code can only notice that the process holds less memory.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

#: The largest share of the time that trimming may take.
MAX_SHARE = 0.01


def _malloc_trim() -> Callable[[int], object] | None:
    try:
        malloc_trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc
        return None
    return malloc_trim


class Heap:
    """The heap of glibc. `trim` may be called as often as convenient: it uses at most `MAX_SHARE` of the time."""

    def __init__(
        self,
        trim: Callable[[int], object] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._trim = trim or _malloc_trim()
        self._clock = clock
        self._next = float("-inf")

    def trim(self) -> None:
        """Return free memory to the operating system, unless that was done a short time ago."""
        begun = self._clock()
        if self._trim is None or begun < self._next:
            return
        self._trim(0)
        ended = self._clock()
        self._next = ended + (ended - begun) / MAX_SHARE
