"""How other threads wake those who wait in the event loop."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Bells:
    """Sets events of one loop from other threads.

    Waking a loop is a system call, at which the thread gives up the interpreter and has to ask for it again. So however
    many are rung before the loop comes to look, it is woken once. It then answers one after the other: between two it
    looks for other news, and the interpreter is free for whoever waits for it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung: deque[asyncio.Event] = deque()
        self._called = False

    def bell(self, event: asyncio.Event) -> Callable[[], None]:
        """Return what sets an event, soon and from any thread; to be called in the loop."""
        self._loop = asyncio.get_running_loop()
        return functools.partial(self._ring, event)

    def _ring(self, event: asyncio.Event) -> None:
        assert self._loop is not None
        self._rung.append(event)
        if not self._called:  # two threads may both find it so, which wakes the loop twice and does no harm
            self._called = True
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._called = False  # before it looks: who rings from here on calls again
        if self._rung:
            self._rung.popleft().set()
        if self._rung and not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._answer)
