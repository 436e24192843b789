"""Lets other threads wake coroutines that wait in an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class LoopEvents:
    """Sets events of one loop from other threads.

    Waking a loop is a system call, during which the thread releases the interpreter's lock and must then wait for it.
    So the loop is woken once for all events that are due before it runs. It sets one event per iteration, so that it
    does other work between two of them and other threads can take the interpreter's lock.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: deque[asyncio.Event] = deque()
        self._called = False

    def setter(self, event: asyncio.Event) -> Callable[[], None]:
        """Return a function that any thread may call to set an event soon; call this method in the loop."""
        self._loop = asyncio.get_running_loop()
        return functools.partial(self._set_soon, event)

    def _set_soon(self, event: asyncio.Event) -> None:
        assert self._loop is not None
        self._due.append(event)
        if not self._called:  # two threads may both see False: the loop is then woken twice, which is harmless
            self._called = True
            with suppress(RuntimeError):  # the loop is closed: no coroutine waits any more
                self._loop.call_soon_threadsafe(self._set_next)

    def _set_next(self) -> None:
        self._called = False  # reset before reading the queue: an event that is added later wakes the loop again
        if self._due:
            self._due.popleft().set()
        if self._due and not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._set_next)
