"""Streams that lose their connection, in both clients: through a proxy that cuts it, and by errors of the server."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import reverie
from reverie import _exchange, _stream

from tests.client.faults import Fault, error_info, retry_info
from tests.client.proxy import Proxy, proxy
from tests.client.scripted import Connect, Script, serving

LOST = Fault(grpc.StatusCode.UNAVAILABLE, "Socket closed")
STOPPED = Fault(grpc.StatusCode.UNAVAILABLE, "Stopped.", (error_info("INTERRUPTED"), retry_info(0.01)))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_exchange, _stream):
        monkeypatch.setattr(module, "BROKEN_S", 0.01)


@pytest.fixture
def between(script: Script) -> Iterator[Proxy]:
    """Run a proxy in front of the scripted server."""
    with serving(script, "127.0.0.1:0") as (address, _), proxy(address) as made:
        yield made


def stream(client: reverie.Client, **options: Any) -> list[reverie.Event]:
    return list(client.stream("tiny", "conv1_1", 3, **options))


def brief(events: list[reverie.Event]) -> list[object]:
    """Return the events in short: the kind of each, and the step of progress."""
    return [event.step if isinstance(event, reverie.Progress) else type(event) for event in events]


WHOLE: list[object] = [reverie.Accepted, *range(6), reverie.Rendering]


def cut(script: Script, between: Proxy) -> threading.Thread:
    """Cut the connection when the server pauses; the server does not pause in the next attempt."""

    def wait() -> None:
        assert script.waiting.wait(10)
        script.wait_at = None
        between.cut()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("step", [0, 1, 3, 5])
def test_a_stream_resumes_after_its_connection_was_cut(
    connect: Connect, script: Script, between: Proxy, step: int
) -> None:
    script.wait_at = step
    cutter = cut(script, between)
    events = stream(connect(between.address))
    cutter.join()
    assert brief(events) == WHOLE
    first, second = script.requests
    assert first == second
    assert first.request_id
    assert between.connections == 2


def test_no_frame_is_yielded_twice(connect: Connect, script: Script, between: Proxy) -> None:
    script.wait_at = 3
    cutter = cut(script, between)
    events = stream(connect(between.address), frames_every=1)
    cutter.join()
    frames = [event.frame.step for event in events if isinstance(event, reverie.Progress) and event.frame]
    assert frames == list(range(6))


def test_a_render_resumes_after_its_connection_was_cut(connect: Connect, script: Script, between: Proxy) -> None:
    script.wait_at = 0
    cutter = cut(script, between)
    assert connect(between.address).render("tiny", "conv1_1", 3).steps == 5
    cutter.join()
    first, second = script.requests
    assert first == second


def test_a_watch_resumes_after_its_connection_was_cut(connect: Connect, script: Script, between: Proxy) -> None:
    events = connect(between.address).job("job-1").watch()
    seen = [next(events)]
    between.cut()
    seen += events
    assert [event.sequence for event in seen] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("fault", [LOST, STOPPED], ids=["lost", "stopped"])
@pytest.mark.parametrize("steps", [(0,), (5,), (3, 1), (0, 2, 4)], ids=str)
def test_a_stream_resumes_after_a_server_ended_it(
    client: reverie.Client, script: Script, fault: Fault, steps: tuple[int, ...]
) -> None:
    script.stream_breaks = dict.fromkeys(steps, fault)
    assert brief(stream(client)) == WHOLE
    assert len(script.requests) == 1 + len(steps)


@pytest.mark.parametrize(("step", "positions"), [(0, [1, 0, 1, 0]), (1, [1, 0])])
def test_queue_positions_are_repeated_only_before_the_first_step(
    client: reverie.Client, script: Script, step: int, positions: list[int]
) -> None:
    script.stream_breaks = {step: LOST}
    script.queue = (2, 1, 0)
    waiting = [event for event in stream(client) if isinstance(event, reverie.Progress) and event.step == 0]
    assert [event.queue_position for event in waiting] == positions


@pytest.mark.parametrize("fault", [LOST, STOPPED], ids=["lost", "stopped"])
def test_a_stream_is_resumed_a_limited_number_of_times(client: reverie.Client, script: Script, fault: Fault) -> None:
    script.late_fault = fault
    with pytest.raises(reverie.Unavailable):
        stream(client)
    assert len(script.requests) == 1 + _stream.RESUMPTIONS
    assert len({request.request_id for request in script.requests}) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.CANCELLED, reverie.Cancelled),
        (grpc.StatusCode.DEADLINE_EXCEEDED, reverie.DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, reverie.InternalError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, reverie.ResourceExhausted),
    ],
)
def test_an_error_that_a_retry_cannot_fix_is_not_retried(
    client: reverie.Client, script: Script, code: grpc.StatusCode, error: type[reverie.ReverieError]
) -> None:
    script.late_fault = Fault(code)
    with pytest.raises(error):
        stream(client)
    assert len(script.requests) == 1


@pytest.mark.parametrize(("seconds", "timeout"), [(2, 1), (_exchange.LONGEST_WAIT_S + 1, None)], ids=["late", "long"])
def test_a_client_does_not_wait_for_a_server_that_returns_too_late(
    client: reverie.Client, script: Script, seconds: float, timeout: float | None
) -> None:
    script.late_fault = dataclasses.replace(STOPPED, details=(error_info("INTERRUPTED"), retry_info(seconds)))
    began = time.monotonic()
    with pytest.raises(reverie.Unavailable, match="Stopped"):
        stream(client, timeout=timeout)
    assert time.monotonic() - began < 1
    assert len(script.requests) == 1


def test_all_attempts_share_the_timeout_of_the_call(client: reverie.Client, script: Script) -> None:
    script.late_fault = dataclasses.replace(STOPPED, details=(error_info("INTERRUPTED"), retry_info(0.3)))
    with pytest.raises(reverie.Unavailable):
        stream(client, timeout=5)
    left = [seconds for seconds in script.seconds_left if seconds is not None]
    assert len(left) == 1 + _stream.RESUMPTIONS
    assert left[0] - left[-1] > 0.3 * (_stream.RESUMPTIONS - 1)


def test_a_picture_that_arrived_before_the_connection_was_lost_is_complete(
    connect: Connect, script: Script, between: Proxy
) -> None:
    events = connect(between.address).stream("tiny", "conv1_1", 3)
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, reverie.Rendering):
            between.cut()
    assert brief(seen) == WHOLE
    assert len(script.requests) == 1


def test_leaving_a_resumed_stream_cancels_it(client: reverie.Client, script: Script) -> None:
    script.stream_breaks = {0: dataclasses.replace(STOPPED, details=(retry_info(0.2),))}
    script.wait_at = 2
    events = client.stream("tiny", "conv1_1", 3)
    for event in events:
        if isinstance(event, reverie.Progress) and event.step == 1:
            break
    del event, events
    assert script.cancelled.wait(5)
    assert len(script.requests) == 2
