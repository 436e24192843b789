"""Ctrl-C while a call starts is handled after the call has started."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from reverie import _interrupts

from tests.client.scripted import Script


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore Python's default handling of Ctrl-C, even if the suite was started with it ignored."""
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in _interrupts.DEFERRED]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", _interrupts.DEFERRED)
def test_a_signal_is_handled_after_the_block(number: signal.Signals) -> None:
    reached = []

    def block() -> None:
        with _interrupts.deferred():
            signal.raise_signal(number)
            reached.append(number)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached == [number]
    assert signal.getsignal(number) is signal.default_int_handler


def test_an_error_in_the_block_restores_the_handlers_too() -> None:
    with pytest.raises(ValueError, match="odd"), _interrupts.deferred():
        raise ValueError("odd")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("default", [signal.SIG_IGN, signal.SIG_DFL])
def test_an_ignored_or_default_signal_stays_as_it_is(default: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, default)
    with _interrupts.deferred():
        assert signal.getsignal(signal.SIGTERM) is default


def test_another_thread_does_not_change_the_handlers() -> None:
    seen = []

    def look() -> None:
        with _interrupts.deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


# The signal arrives while gRPC starts the thread of the call, which used to leave a call that no thread serves.
INTERRUPTED = """
import signal, sys, threading
import reverie

def interrupted(thread, start=threading.Thread.start):
    if threading.current_thread() is threading.main_thread():
        signal.raise_signal(signal.SIGINT)
    start(thread)

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with reverie.Client(sys.argv[1]) as client:
        threading.Thread.start = interrupted
        list(client.stream("tiny", "conv1_1", 3)) if sys.argv[2] == "stream" else client.render("tiny", "conv1_1", 3)
except KeyboardInterrupt:
    print("Left.")
"""


@pytest.mark.parametrize("ask", ["render", "stream"])
def test_ctrl_c_at_the_start_of_a_call_ends_it(address: str, script: Script, ask: str) -> None:
    script.wait_at = 0
    command = [sys.executable, "-c", INTERRUPTED, address, ask]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Left.\n", "")
