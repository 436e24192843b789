"""Ctrl-C at a moment when it would do harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C, and a SIGTERM that the program handles, wait until the block is left.

    An exception out of a signal handler while a call starts leaves gRPC with a call that no thread serves: closing the
    channel then waits for ever (grpc/_channel.py, ``_run_channel_spin_thread``; seen with 1.85).
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main thread only
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: handler for number in HELD if callable(handler := signal.getsignal(number))}
    try:
        for number in handlers:
            signal.signal(number, lambda number, frame: came.append((number, frame)))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for came_number, frame in came:
            handlers[signal.Signals(came_number)](came_number, frame)
