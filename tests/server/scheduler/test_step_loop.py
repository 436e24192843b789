"""The step loop's thread with a fake device: turns, loading, stopping and events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from threading import Event as Flag

import pytest
from reverie_ascent import Run
from reverie_server import Draining, Interrupted, InvalidRequest, Limits, QueueFull, TooLate
from reverie_server.request.events import Accepted, Event, Progress, Rendering
from reverie_server.scheduler.policy import TURN_S
from reverie_server.scheduler.queue_position import PAUSE_S
from reverie_server.scheduler.step_loop import StepLoop

from tests.server.fakes import PATIENCE_S, ReadRender, fake_step_loop, placed, request, submit

ENDLESS = 10_000


@pytest.fixture
def start() -> Iterator[Callable[..., StepLoop]]:
    """Return a function that starts step loops; check that their threads end."""
    loops = []

    def start(**options: object) -> StepLoop:
        loops.append(fake_step_loop(**options))  # type: ignore[arg-type]
        return loops[-1]

    before = set(threading.enumerate())
    yield start
    for loop in loops:
        loop.close()
    assert set(threading.enumerate()) <= before  # one of the test before may have ended meanwhile


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def event(render: ReadRender) -> Event:
    """Return the next event of a render."""
    end = time.monotonic() + PATIENCE_S
    while (message := render.take()) is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    return message


def events(render: ReadRender) -> Iterator[Event]:
    """Yield the events of a render to its end."""
    while not isinstance(message := event(render), Rendering):
        yield message
    yield message


def result(render: ReadRender) -> Rendering:
    *_, last = events(render)
    assert isinstance(last, Rendering)
    return last


class Clock:
    """A clock that only advances with steps."""

    def __init__(self, step_s: float) -> None:
        self.now, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        return self.now

    def tick(self, runs: list[Run]) -> None:
        self.now += self.step_s


class Gate:
    """Lets no step begin until it is opened; records the renders of each step."""

    def __init__(self, *, open: bool = False) -> None:  # noqa: A002
        self.flag, self.made, self.reached = Flag(), list[list[int]](), Flag()
        if open:
            self.flag.set()

    def __call__(self, runs: list[Run]) -> None:
        self.reached.set()
        assert self.flag.wait(PATIENCE_S)
        self.made.append([run.recipe.seed for run in runs])


def test_a_render_is_accepted_makes_its_steps_and_ends(start: Callable[..., StepLoop]) -> None:
    loop = start()
    received = list(events(submit(loop, request(steps=3))))
    assert isinstance(received[0], Accepted)
    assert isinstance(received[-1], Rendering)
    assert received[-1].steps == 3
    stats = loop.stats()
    assert (stats.steps, stats.runs, stats.finished, stats.builds) == (3, 3, 1, 1)
    assert (stats.waiting, stats.running) == (0, 0)


def test_a_long_render_is_suspended_during_the_turns_of_another_program(start: Callable[..., StepLoop]) -> None:
    clock, gate = Clock(TURN_S / 4), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    loop = start(before=before, clock=clock)
    loop.warm(request("conv2_1"))
    long = submit(loop, request("conv1_1", steps=24, seed=1))
    assert gate.reached.wait(PATIENCE_S)
    short = submit(loop, request("conv2_1", steps=6, seed=2))
    gate.flag.set()
    assert [each.steps for each in map(result, (short, long))] == [6, 24]
    first = gate.made.index([2])
    assert first <= 4  # one turn of four steps
    assert gate.made[first : first + 10] == [[2]] * 4 + [[1]] * 4 + [[2]] * 2
    assert loop.stats().steps == 30


def test_clients_of_one_program_take_turns_and_a_suspended_render_loses_nothing(start: Callable[..., StepLoop]) -> None:
    clock, gate = Clock(TURN_S), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    loop = start(before=before, clock=clock)
    renders = [
        submit(loop, request(steps=5, seed=number), client=client) for number, client in enumerate(("a", "a", "b"))
    ]
    assert gate.reached.wait(PATIENCE_S)
    gate.flag.set()
    for number, render in enumerate(renders):
        rendering = result(render)
        assert rendering.history.tolist() == [0, 1, 2, 3, 4]
        assert rendering.array[0, 0, 0] == pytest.approx(number / 1e6)
    assert [made for (made,) in gate.made[:8]] == [0, 2, 0, 2, 0, 2, 0, 2]


def test_an_interactive_render_does_not_wait_for_the_turn_of_another_to_end(start: Callable[..., StepLoop]) -> None:
    gate = Gate()
    loop = start(before=gate, clock=Clock(0))
    submit(loop, request(steps=ENDLESS, seed=1, background=True))
    assert gate.reached.wait(PATIENCE_S)
    urgent = submit(loop, request(steps=3, seed=2))
    gate.flag.set()
    assert result(urgent).steps == 3
    assert gate.made[:4] == [[1], [2], [2], [2]]


def test_renders_of_one_program_share_steps_and_join_between_two(start: Callable[..., StepLoop]) -> None:
    gate = Gate()
    loop = start(batch=3, before=gate)
    first = submit(loop, request(steps=6, seed=1))
    assert gate.reached.wait(PATIENCE_S)
    others = [submit(loop, request(steps=2, seed=seed)) for seed in (2, 3, 4)]
    gate.flag.set()
    assert [result(each).steps for each in (first, *others)] == [6, 2, 2, 2]
    assert gate.made[:5] == [[1], [1, 2, 3], [1, 2, 3], [1, 4], [1, 4]]
    stats = loop.stats()
    assert (stats.steps, stats.runs) == (12, 6)


# ----- queue positions -----


def test_a_waiting_render_gets_its_changed_position(start: Callable[..., StepLoop]) -> None:
    clock, gate = Clock(PAUSE_S), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    loop = start(before=before, clock=clock)
    first = submit(loop, request(steps=1, estimated_s=8))
    assert gate.reached.wait(PATIENCE_S)
    second, third = (submit(loop, request(steps=ENDLESS, estimated_s=2)) for _ in range(2))
    accepted = [third.take(), second.take()]
    assert [each.queue_position for each in accepted if isinstance(each, Accepted)] == [2, 1]
    gate.flag.set()
    result(first)
    moved = event(third)
    assert isinstance(moved, Progress)
    assert (moved.step, moved.steps, moved.queue_position) == (0, ENDLESS, 1)
    assert moved.estimated_remaining_s > 2
    second.stop()
    received = [event(third) for _ in range(2)]
    assert all(isinstance(each, Progress) and each.queue_position == 0 for each in received)


def test_a_deadline_that_cannot_be_met_is_refused_and_nothing_is_left_of_it(start: Callable[..., StepLoop]) -> None:
    loop = start()
    with pytest.raises(TooLate, match="takes about 100 s, and the call's deadline is in 3 s"):
        submit(loop, request(estimated_s=100), deadline_s=3)
    assert loop.stats().waiting == loop.stats().running == 0
    assert result(submit(loop, request(estimated_s=100), deadline_s=60)).steps == 4


def test_a_full_queue_refuses_one_client_before_the_others(start: Callable[..., StepLoop]) -> None:
    gate = Gate()
    loop = start(before=gate, limits=Limits(max_waiting_renders=4))
    for _ in range(4):  # one runs, three wait
        submit(loop, request(steps=ENDLESS), client="a")
    with pytest.raises(QueueFull, match="3 renders of this client"):
        submit(loop, request(), client="a")
    submit(loop, request(), client="b")
    with pytest.raises(QueueFull, match="4 renders wait"):
        submit(loop, request(), client="c")
    gate.flag.set()


# ----- loading -----


def test_steps_go_on_while_a_program_is_loaded(start: Callable[..., StepLoop]) -> None:
    loading, loaded = Flag(), Flag()

    def load(layer: str) -> None:
        if layer == "conv2_1":
            loading.set()
            assert loaded.wait(PATIENCE_S)

    loop = start(loading=load)
    loop.warm(request("conv1_1"))
    slow = submit(loop, request("conv2_1"))
    assert loading.wait(PATIENCE_S)
    assert result(submit(loop, request("conv1_1", steps=50))).steps == 50
    assert loop.stats().builds == 1
    loaded.set()
    assert result(slow).steps == 4


def test_a_program_that_cannot_be_loaded_fails_its_renders_only(start: Callable[..., StepLoop]) -> None:
    def load(layer: str) -> None:
        if layer == "conv2_1":
            raise ValueError("no such weights")

    loop = start(loading=load)
    bad, good = (submit(loop, request(layer)) for layer in ("conv2_1", "conv1_1"))
    with pytest.raises(ValueError, match="no such weights"):
        result(bad)
    assert result(good).steps == 4
    assert (loop.stats().failed, loop.stats().programs, loop.stats().program_bytes) == (1, 1, 0)


def test_programs_stay_in_memory_and_the_least_recently_used_is_evicted(start: Callable[..., StepLoop]) -> None:
    loads: list[str] = []
    loop = start(loading=loads.append, limits=Limits(program_memory_mb=2))
    for layer in ("conv1_1", "conv2_1", "conv1_1", "conv3_1", "conv1_1", "conv2_1"):
        result(submit(loop, request(layer, program_bytes=2**20)))
    assert loads == ["conv1_1", "conv2_1", "conv3_1", "conv2_1"]
    assert (loop.stats().programs, loop.stats().program_bytes) == (2, 2 * 2**20)


def test_a_program_in_use_is_not_evicted_and_the_next_waits_for_it(start: Callable[..., StepLoop]) -> None:
    loads, gate = list[str](), Gate()
    loop = start(loading=loads.append, before=gate, limits=Limits(program_memory_mb=1))
    running = submit(loop, request("conv1_1", steps=3, program_bytes=2**20), client="a")
    assert gate.reached.wait(PATIENCE_S)
    large = submit(loop, request("conv2_1", program_bytes=2**22), client="b")
    behind = submit(loop, request("conv1_1", program_bytes=2**20), client="c")
    gate.flag.set()
    assert [result(each).steps for each in (running, large, behind)] == [3, 4, 4]
    assert loads == ["conv1_1", "conv2_1", "conv1_1"]


def test_a_program_can_be_preloaded(start: Callable[..., StepLoop]) -> None:
    loads: list[str] = []
    loop = start(loading=loads.append, limits=Limits(program_memory_mb=1))
    for _ in range(2):
        loop.warm(request("conv1_1", program_bytes=2**20))
    assert loads == ["conv1_1"]
    with pytest.raises(InvalidRequest, match=r"conv2_1 at 16 x 16 px finds no room .* raise program_memory_mb, 1 now"):
        loop.warm(request("conv2_1", program_bytes=2**20))
    result(submit(loop, request("conv1_1")))
    assert loads == ["conv1_1"]


def test_a_failed_preload_says_why(start: Callable[..., StepLoop]) -> None:
    def load(layer: str) -> None:
        raise ValueError("no such weights")

    with pytest.raises(ValueError, match="no such weights"):
        start(loading=load).warm(request())


# ----- the end -----


def test_a_failed_step_leaves_nothing_of_a_suspended_program(start: Callable[..., StepLoop]) -> None:
    clock, gate, left = Clock(TURN_S), Gate(), threading.Event()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)
        if runs[0].recipe.seed == 2 and left.is_set():
            raise ValueError("out of memory")
        if runs[0].recipe.seed == 2:
            first.stop()  # while it has its place in the other program
            left.set()

    loop = start(before=before, clock=clock)
    first = submit(loop, request(steps=ENDLESS, seed=1))
    assert gate.reached.wait(PATIENCE_S)
    second = submit(loop, request("conv2_1", steps=ENDLESS, seed=2))
    gate.flag.set()
    with pytest.raises(ValueError, match="out of memory"):
        result(second)
    with pytest.raises(Interrupted):
        result(first)
    loop.close()
    assert placed(loop) == []


def test_a_failed_step_ends_only_the_renders_in_it(start: Callable[..., StepLoop]) -> None:
    gate = Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        if len(runs) == 2 and runs[0].recipe.seed == 1:
            raise ValueError("out of memory")

    loop = start(batch=2, before=before, clock=Clock(0))
    bad, shared, elsewhere = (
        submit(loop, request(layer, seed=seed)) for layer, seed in (("conv1_1", 1), ("conv1_1", 2), ("conv2_1", 3))
    )
    gate.flag.set()
    for render in (bad, shared):
        with pytest.raises(ValueError, match="out of memory"):
            result(render)
    assert result(elsewhere).steps == 4
    assert result(submit(loop, request(seed=4))).steps == 4
    stats = loop.stats()
    assert (stats.failed, stats.finished, stats.running, stats.builds) == (2, 2, 0, 3)


def test_a_waiting_or_suspended_render_stops_at_once(start: Callable[..., StepLoop]) -> None:
    """Even if the device is in the middle of a step."""
    clock, gate, all_there = Clock(TURN_S), Gate(), threading.Event()

    def before(runs: list[Run]) -> None:
        assert all_there.wait(PATIENCE_S)
        clock.tick(runs)
        if len(gate.made) == 1:
            gate(runs)
        gate.made.append([run.recipe.seed for run in runs])

    loop = start(before=before, clock=clock)
    suspended = submit(loop, request(steps=ENDLESS, seed=1), client="a")
    running = submit(loop, request(steps=ENDLESS, seed=2), client="b")
    waiting = submit(loop, request(steps=ENDLESS, seed=3), client="b")
    all_there.set()
    assert gate.reached.wait(PATIENCE_S)
    for render in (suspended, waiting):
        render.stop()
        render.stop()
        with pytest.raises(Interrupted):
            result(render)
    assert (loop.stats().stopped, loop.stats().running) == (2, 1)
    running.stop()
    assert loop.stats().stopped == 2
    gate.flag.set()
    with pytest.raises(Interrupted):
        result(running)
    stats = loop.stats()
    assert (stats.stopped, stats.late_steps, stats.finished) == (3, 1, 0)


@pytest.mark.parametrize("step_s", [0.01, 7.0])
def test_a_place_is_free_within_the_step_in_which_its_render_was_stopped(
    start: Callable[..., StepLoop], step_s: float
) -> None:
    clock, held = Clock(step_s), list[ReadRender]()

    def before(runs: list[Run]) -> None:
        if runs[0].steps == 5:
            until(lambda: bool(held))
            held[0].stop()
        clock.tick(runs)

    loop = start(before=before, clock=clock)
    held.append(submit(loop, request(steps=ENDLESS)))
    with pytest.raises(Interrupted):
        result(held[0])
    stats = loop.stats()
    assert (stats.steps, stats.late_steps) == (6, 1)
    assert stats.longest_release_s == stats.longest_step_s == pytest.approx(step_s)


def test_a_closed_loop_refuses_renders_and_stops_all(start: Callable[..., StepLoop]) -> None:
    loop = start()
    renders = [submit(loop, request(layer, steps=ENDLESS)) for layer in ("conv1_1", "conv2_1", "conv1_1")]
    loop.close()
    for render in renders:
        with pytest.raises(Interrupted):
            result(render)
    with pytest.raises(Draining):
        submit(loop, request())
    assert (loop.stats().stopped, loop.stats().waiting, loop.stats().running) == (3, 0, 0)


def test_a_wake_callback_may_query_and_stop(start: Callable[..., StepLoop]) -> None:
    """The callback is called without any lock held."""
    loop, renders = start(), list[ReadRender]()

    def wake() -> None:
        other = threading.Thread(target=loop.stats)
        other.start()
        other.join(PATIENCE_S)
        assert not other.is_alive()
        for render in renders:
            render.stop()

    renders.append(submit(loop, request(steps=ENDLESS), wake))
    with pytest.raises(Interrupted):
        result(renders[0])


def test_a_wake_callback_that_fails_does_not_affect_others(start: Callable[..., StepLoop]) -> None:
    def wake() -> None:
        raise ValueError("its reader is gone")

    loop = start()
    deaf, other = submit(loop, request(steps=50), wake), submit(loop, request(steps=50))
    assert [result(each).steps for each in (other, deaf)] == [50, 50]


def test_no_render_is_left_waiting_if_loading_is_impossible(
    start: Callable[..., StepLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of a process, when no threads can be started."""
    gate = Gate()
    loop = start(before=gate, batch=2)
    running = submit(loop, request("conv1_1", steps=ENDLESS))
    assert gate.reached.wait(PATIENCE_S)

    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    with monkeypatch.context() as patch:
        patch.setattr(loop._loader._executor, "submit", refuse)
        new = submit(loop, request("conv2_1"))
        gate.flag.set()
        for render in (running, new):
            with pytest.raises(RuntimeError, match="cannot schedule"):
                result(render)
    assert result(submit(loop, request("conv1_1"))).steps == 4
    assert (loop.stats().failed, loop.stats().builds) == (2, 2)


def test_a_program_that_failed_to_load_may_be_tried_again(start: Callable[..., StepLoop]) -> None:
    problems = [ValueError("not yet"), ValueError("nor now")]

    def load(layer: str) -> None:
        if problems:
            raise problems.pop()

    loop = start(loading=load)
    with pytest.raises(ValueError, match="nor now"):
        loop.warm(request())
    with pytest.raises(ValueError, match="not yet"):
        result(submit(loop, request()))
    assert result(submit(loop, request())).steps == 4
