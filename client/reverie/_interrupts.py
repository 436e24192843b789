"""Defers Ctrl-C while an exception would leave gRPC in a broken state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[None]:
    """Handle Ctrl-C, and a SIGTERM that the program handles, only after the block has ended.

    If a signal handler raises while a call starts, gRPC is left with a call that no thread serves, and closing the
    channel never returns (grpc/_channel.py, ``_run_channel_spin_thread``; seen with 1.85).
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main thread only
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    handlers = {number: handler for number in DEFERRED if callable(handler := signal.getsignal(number))}
    try:
        for number in handlers:
            signal.signal(number, lambda number, frame: received.append((number, frame)))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received_number, frame in received:
            handlers[signal.Signals(received_number)](received_number, frame)
