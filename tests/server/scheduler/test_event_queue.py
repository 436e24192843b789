"""What a slow reader finds: the newest progress, every frame, and the end."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_proto.v1 import spec_pb2
from reverie_server.request.events import Accepted, Event, Frame, Progress
from reverie_server.scheduler.event_queue import Mailbox


def progress(step: int) -> Progress:
    return Progress(step, 100, 0.0, 0.0, 0.0)


def frame(step: int) -> Progress:
    return Progress(step, 100, 0.0, 0.0, 0.0, Frame(step, np.zeros((1, 1, 3), np.float32)))


ACCEPTED = Accepted(spec_pb2.RenderSpec(), "")

# What is posted while nobody reads, and what is found.
CASES: list[tuple[list[Event], list[Event]]] = [
    ([], []),
    ([ACCEPTED, progress(1)], [ACCEPTED, progress(1)]),
    ([ACCEPTED, progress(1), progress(2), progress(3)], [ACCEPTED, progress(3)]),
]


def read(mailbox: Mailbox) -> list[Event]:
    events = []
    while (event := mailbox.take()) is not None:
        events.append(event)
    return events


@pytest.mark.parametrize(("posted", "found"), CASES)
def test_newer_progress_takes_the_place_of_older(posted: list[Event], found: list[Event]) -> None:
    mailbox = Mailbox(lambda: None)
    for event in posted:
        mailbox.post(event)
    assert read(mailbox) == found


def test_frames_are_never_dropped() -> None:
    posted = [frame(0), progress(1), frame(2), progress(3), progress(4), frame(5), progress(6)]
    mailbox = Mailbox(lambda: None)
    for event in posted:
        mailbox.post(event)
    assert [event.step for event in read(mailbox) if isinstance(event, Progress)] == [0, 2, 5, 6]


def test_an_exception_comes_after_what_was_said_before_it() -> None:
    mailbox = Mailbox(lambda: None)
    for mail in (ACCEPTED, frame(1), RuntimeError("the end")):
        mailbox.post(mail)
    assert isinstance(mailbox.take(), Accepted)
    assert isinstance(mailbox.take(), Progress)
    with pytest.raises(RuntimeError, match="the end"):
        mailbox.take()


def test_every_post_rings_the_bell() -> None:
    rung: list[int] = []
    mailbox = Mailbox(lambda: rung.append(1))
    for step in range(3):
        mailbox.post(progress(step))
    assert len(rung) == 3
