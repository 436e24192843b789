"""Sharing of a render while it waits, runs and is stored, and the events that each caller gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Lock
from typing import Any, cast

import numpy as np
import pytest
from reverie_ascent import Run
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_BYPASS
from reverie_server import Accepted, Event, Frame, Interrupted, Progress, Rendering, TooLate
from reverie_server.dispatch import Dispatcher, Subscription
from reverie_server.dispatch.inflight import InFlight
from reverie_server.store import Store
from reverie_server.store.folder import Folder

from tests.server.fakes import PATIENCE_S, fake_step_loop, nothing, request
from tests.server.results import MAKER, folder_store, rendering


@dataclass
class StillStepLoop:
    """Admits renders and does not run them; refuses those whose deadline is shorter than `needs_s`."""

    needs_s: float = 0.0
    taken: list[tuple[InFlight, str, bool]] = field(default_factory=list)
    promoted: list[tuple[InFlight, str]] = field(default_factory=list)
    stopped: list[InFlight] = field(default_factory=list)

    def submit(self, render: InFlight, *, client: str, background: bool, deadline_s: float | None) -> None:
        if deadline_s is not None and deadline_s < self.needs_s:
            raise TooLate(estimated_s=self.needs_s, wait_s=0, remaining_s=deadline_s)
        self.taken.append((render, client, background))
        render.post(Accepted(render.request.effective, render.request.digest))

    def promote(self, render: InFlight, *, client: str) -> None:
        self.promoted.append((render, client))

    def stop(self, render: InFlight) -> None:
        self.stopped.append(render)

    def close(self) -> None:
        pass


def received(subscription: Subscription) -> list[Event]:
    events = []
    while (event := subscription.take()) is not None:
        events.append(event)
    return events


def kinds(subscription: Subscription) -> list[type]:
    return [type(event) for event in received(subscription)]


@pytest.fixture
def still() -> StillStepLoop:
    return StillStepLoop()


@pytest.fixture
def dispatcher(still: StillStepLoop) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(cast(Any, still), None)
    yield dispatcher
    dispatcher.close()


# ----- promotion -----


def test_a_batch_render_is_promoted_when_an_interactive_request_joins_it(
    dispatcher: Dispatcher, still: StillStepLoop
) -> None:
    """Only one render is submitted."""
    first = dispatcher.submit(request(background=True), nothing, client="job")
    second = dispatcher.submit(request(), nothing, client="person")
    ((render, client, background),) = still.taken
    assert (client, background) == ("job", True)
    assert still.promoted == [(render, "person")]
    render.post(rendering())
    for subscription in (first, second):
        assert kinds(subscription) == [Accepted, Rendering]
    assert still.stopped == []


def test_a_batch_request_that_joins_promotes_nothing(dispatcher: Dispatcher, still: StillStepLoop) -> None:
    dispatcher.submit(request(), nothing, client="person")
    dispatcher.submit(request(background=True), nothing, client="job")
    assert [(client, background) for _, client, background in still.taken] == [("person", False)]
    assert still.promoted == []


def test_a_render_that_is_joined_during_its_submission_is_promoted_afterwards() -> None:
    """When the second request arrives, the step loop does not have the render yet."""

    class Slow(StillStepLoop):
        def submit(self, render: InFlight, **options: Any) -> None:
            busy.submit(request(), nothing, client="person")
            super().submit(render, **options)

    slow = Slow()
    busy = Dispatcher(cast(Any, slow), None)
    busy.submit(request(background=True), nothing, client="job")
    ((render, client, background),) = slow.taken
    assert (client, background) == ("job", True)
    assert slow.promoted[-1] == (render, "person")
    busy.close()


def test_a_promoted_render_makes_its_first_step_before_earlier_batch_renders() -> None:
    """Tested in the real step loop."""
    made, gate, reached = list[int](), Flag(), Flag()

    def before(runs: list[Run]) -> None:
        reached.set()
        assert gate.wait(PATIENCE_S)
        made.append(runs[0].recipe.seed)

    dispatcher = Dispatcher(fake_step_loop(before=before), None)
    dispatcher.submit(request(seed=1, digest="1"), nothing, client="first")
    assert reached.wait(PATIENCE_S)
    for seed in (2, 3):
        dispatcher.submit(request(seed=seed, digest=str(seed), background=True), nothing, client="job")
    news = Flag()
    joined = dispatcher.submit(request(seed=3, digest="3"), news.set, client="person")
    gate.set()
    events: list[Event] = []
    while not (events and isinstance(events[-1], Rendering)):
        assert news.wait(PATIENCE_S)
        news.clear()
        events += received(joined)
    assert isinstance(events[0], Accepted)
    assert {type(event) for event in events[1:-1]} <= {Progress}  # none if the end arrived before the first read
    dispatcher.close()
    assert 2 not in made[: made.index(3)]


# ----- callers that wait -----


def test_the_latest_deadline_decides_whether_a_render_is_too_late(dispatcher: Dispatcher, still: StillStepLoop) -> None:
    still.needs_s = 10
    with pytest.raises(TooLate):
        received(dispatcher.submit(request(), nothing, deadline_s=1))
    assert kinds(dispatcher.submit(request(), nothing, deadline_s=600)) == [Accepted]
    assert kinds(dispatcher.submit(request(), nothing, deadline_s=1)) == [Accepted]
    assert len(still.taken) == 1


def test_a_render_too_late_for_one_caller_is_admitted_for_another_with_a_later_deadline() -> None:
    patient: list[Subscription] = []

    class Slow(StillStepLoop):
        def submit(self, render: InFlight, **options: Any) -> None:
            if not patient:
                patient.append(busy.submit(request(), nothing, deadline_s=600))
            super().submit(render, **options)

    busy = Dispatcher(cast(Any, Slow(needs_s=10)), None)
    hasty = busy.submit(request(), nothing, deadline_s=1)
    for subscription in (hasty, *patient):
        assert kinds(subscription) == [Accepted]
    busy.close()


def test_a_late_caller_is_woken_once_for_all_missed_events(dispatcher: Dispatcher, still: StillStepLoop) -> None:
    woken: list[int] = []
    dispatcher.submit(request(), nothing)
    ((render, *_),) = still.taken
    render.post(Progress(0, 4, 0.0, 0.0, 0.0, queue_position=3))
    late = dispatcher.submit(request(), lambda: woken.append(1))
    assert len(woken) == 1
    assert kinds(late) == [Accepted, Progress]
    render.post(Progress(1, 4, 0.0, 0.0, 0.0))
    assert len(woken) == 2


def test_all_callers_of_a_render_get_its_steps_and_those_that_asked_get_frames(
    dispatcher: Dispatcher, still: StillStepLoop
) -> None:
    first, second = (dispatcher.submit(request(), nothing) for _ in range(2))
    ((render, *_),) = still.taken
    frame = Frame(1, np.zeros((4, 4, 3), np.float32))
    render.post(Progress(1, 4, 0.5, 0.0, 0.0, frame))
    progress = [event for each in (first, second) for event in received(each) if isinstance(event, Progress)]
    assert [(event.step, event.objective, event.frame) for event in progress] == [(1, 0.5, frame), (1, 0.5, None)]


def test_a_wake_callback_may_query_join_and_leave(dispatcher: Dispatcher, still: StillStepLoop) -> None:
    """The callback is called without any lock held."""
    counted: list[int] = []

    def wake() -> None:
        counted.append(dispatcher.counts().joined)
        dispatcher.submit(request(), nothing).stop()

    caller = dispatcher.submit(request(), wake)
    ((render, *_),) = still.taken
    render.post(Progress(1, 4, 0.0, 0.0, 0.0))
    assert counted == [0, 1]
    assert kinds(caller) == [Accepted, Progress]


# ----- callers that leave, and the end -----


def test_a_render_whose_callers_have_left_is_not_shared_any_more() -> None:
    step_loop, left = fake_step_loop(), InFlight(request(), Lock(), nothing)
    step_loop.stop(left)
    with pytest.raises(Interrupted):
        step_loop.submit(left)
    step_loop.close()
    assert step_loop.stats().stopped == 0


def test_a_picture_that_is_finished_after_all_callers_left_is_stored(tmp_path: Path) -> None:
    still, store = StillStepLoop(), folder_store(tmp_path)
    dispatcher = Dispatcher(cast(Any, still), store)
    digest = rendering().spec_digest
    caller = dispatcher.submit(request(digest=digest, cache=CACHE_MODE_BYPASS), nothing)
    ((render, *_),) = still.taken
    caller.stop()
    assert still.stopped == [render]
    render.post(rendering())
    dispatcher.close()
    assert store.get(digest) is not None
    with pytest.raises(Interrupted):
        received(caller)


def test_a_caller_that_waits_for_the_store_gets_the_end_once_it_is_stored(tmp_path: Path) -> None:
    news, may_store = Flag(), Flag()

    class SlowFolder(Folder):
        def write(self, name: str, data: bytes) -> None:
            assert may_store.wait(PATIENCE_S)
            super().write(name, data)

    still = StillStepLoop()
    dispatcher = Dispatcher(cast(Any, still), Store(SlowFolder(tmp_path), MAKER, None))
    wanted = request(digest=rendering().spec_digest, cache=CACHE_MODE_BYPASS, request_id="r")
    plain = dispatcher.submit(wanted, nothing)
    durable = dispatcher.submit(wanted, news.set, durable=True)
    assert kinds(durable) == [Accepted]
    news.clear()
    ((render, *_),) = still.taken
    render.post(rendering())
    assert kinds(plain) == [Accepted, Rendering]
    assert not news.is_set()
    may_store.set()
    assert news.wait(PATIENCE_S)
    assert kinds(durable) == [Rendering]
    dispatcher.close()
