"""Give the operating system back what was freed, while the device rests and when a program is loaded.

Pictures of many sizes, made by one thread and sent by others, leave holes in the heaps of glibc, which keeps them: a
server that has been busy for an hour holds several percent more than it uses, and a little more every hour.

The call concerns the whole process, a host's own memory too. It only returns pages that nothing uses, and changes no
setting of the allocator: no other code can tell, except by the memory that the process holds.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

#: Of the time, at most.
SHARE = 0.01


def _malloc_trim() -> Callable[[int], object] | None:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc
        return None
    return found


class Heap:
    """Who rests, or has freed much, calls `trim`, as often as it likes: it takes a hundredth of the time at most."""

    def __init__(
        self,
        trim: Callable[[int], object] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._trim = trim or _malloc_trim()
        self._clock = clock
        self._next = float("-inf")

    def trim(self) -> None:
        """Give back what is free, unless that was done a short while ago."""
        begun = self._clock()
        if self._trim is None or begun < self._next:
            return
        self._trim(0)
        ended = self._clock()
        self._next = ended + (ended - begun) / SHARE
