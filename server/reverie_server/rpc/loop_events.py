"""How other threads wake coroutines that wait in an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class LoopEvents:
    """Sets events of one loop from other threads.

    Waking a loop is a system call, at which the thread gives up the interpreter and has to ask for it again. So however
    many events are to be set before the loop comes to look, it is woken once. It then sets one after the other: between
    two it does what else there is to do, and other threads can have the interpreter.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: deque[asyncio.Event] = deque()
        self._called = False

    def setter(self, event: asyncio.Event) -> Callable[[], None]:
        """Return a function that sets an event, soon and from any thread; to be called in the loop."""
        self._loop = asyncio.get_running_loop()
        return functools.partial(self._set_soon, event)

    def _set_soon(self, event: asyncio.Event) -> None:
        assert self._loop is not None
        self._due.append(event)
        if not self._called:  # two threads may both find it so, which wakes the loop twice and does no harm
            self._called = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._set_next)

    def _set_next(self) -> None:
        self._called = False  # before it looks: who comes from here on calls again
        if self._due:
            self._due.popleft().set()
        if self._due and not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._set_next)
