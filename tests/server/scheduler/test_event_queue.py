"""The events that a slow reader gets: the newest progress, every frame, and the end."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_proto.v1 import spec_pb2
from reverie_server.request.events import Accepted, Event, Frame, Progress
from reverie_server.scheduler.event_queue import EventQueue


def progress(step: int) -> Progress:
    return Progress(step, 100, 0.0, 0.0, 0.0)


def frame(step: int) -> Progress:
    return Progress(step, 100, 0.0, 0.0, 0.0, Frame(step, np.zeros((1, 1, 3), np.float32)))


ACCEPTED = Accepted(spec_pb2.RenderSpec(), "")

# Events that are posted while nothing is read, and the events that the reader gets.
CASES: list[tuple[list[Event], list[Event]]] = [
    ([], []),
    ([ACCEPTED, progress(1)], [ACCEPTED, progress(1)]),
    ([ACCEPTED, progress(1), progress(2), progress(3)], [ACCEPTED, progress(3)]),
]


def read(queue: EventQueue) -> list[Event]:
    events = []
    while (event := queue.take()) is not None:
        events.append(event)
    return events


@pytest.mark.parametrize(("posted", "found"), CASES)
def test_newer_progress_replaces_older(posted: list[Event], found: list[Event]) -> None:
    queue = EventQueue(lambda: None)
    for event in posted:
        queue.post(event)
    assert read(queue) == found


def test_frames_are_never_dropped() -> None:
    posted = [frame(0), progress(1), frame(2), progress(3), progress(4), frame(5), progress(6)]
    queue = EventQueue(lambda: None)
    for event in posted:
        queue.post(event)
    assert [event.step for event in read(queue) if isinstance(event, Progress)] == [0, 2, 5, 6]


def test_an_exception_comes_after_the_events_before_it() -> None:
    queue = EventQueue(lambda: None)
    for event in (ACCEPTED, frame(1), RuntimeError("the end")):
        queue.post(event)
    assert isinstance(queue.take(), Accepted)
    assert isinstance(queue.take(), Progress)
    with pytest.raises(RuntimeError, match="the end"):
        queue.take()


def test_nothing_comes_after_the_end() -> None:
    queue = EventQueue(lambda: None)
    for event in (ACCEPTED, RuntimeError("the end"), progress(1), RuntimeError("another")):
        queue.post(event)
    assert isinstance(queue.take(), Accepted)
    with pytest.raises(RuntimeError, match="the end"):
        queue.take()
    assert queue.take() is None


def test_every_post_wakes_the_reader() -> None:
    woken: list[int] = []
    queue = EventQueue(lambda: woken.append(1))
    for step in range(3):
        queue.post(progress(step))
    assert len(woken) == 3


def test_a_reader_is_woken_once_for_several_events_and_not_for_none() -> None:
    woken: list[int] = []
    queue = EventQueue(lambda: woken.append(1))
    queue.notify()
    for event in (ACCEPTED, frame(1), progress(2)):
        queue.put(event)
    assert woken == []
    for _ in range(3):
        queue.notify()
    assert woken == [1]
    queue.post(RuntimeError("the end"))
    queue.post(progress(3))
    assert woken == [1, 1]
