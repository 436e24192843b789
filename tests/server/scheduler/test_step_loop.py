"""The thread that computes: turns, loading, stopping, and what it says meanwhile, on a device that costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from reverie_ascent import Run
from reverie_server import Draining, Interrupted, InvalidRequest, Limits, QueueFull, TooLate
from reverie_server.request.events import Accepted, Event, Progress, Rendering
from reverie_server.scheduler import queue_position as standing
from reverie_server.scheduler.render import Render
from reverie_server.scheduler.step_loop import TURN_S, Worker

from tests.server.fakes import Orders, fake_worker, nothing

ENDLESS = 10_000


@pytest.fixture
def orders(models: Path) -> Orders:
    return Orders(models)


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    """Starts workers, and sees that their threads end."""
    workers = []

    def start(**options: object) -> Worker:
        workers.append(fake_worker(**options))  # type: ignore[arg-type]
        return workers[-1]

    before = threading.active_count()
    yield start
    for worker in workers:
        worker.close()
    assert threading.active_count() == before


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true; fail after 20 s."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def event(render: Render) -> Event:
    """The next that a render says."""
    end = time.monotonic() + 20
    while (said := render.take()) is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    return said


def events(render: Render) -> Iterator[Event]:
    """All that a render says, to its end."""
    while not isinstance(said := event(render), Rendering):
        yield said
    yield said


def result(render: Render) -> Rendering:
    *_, last = events(render)
    assert isinstance(last, Rendering)
    return last


class Clock:
    """Time that passes only with steps."""

    def __init__(self, step_s: float) -> None:
        self.now, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        return self.now

    def tick(self, runs: list[Run]) -> None:
        self.now += self.step_s


class Gate:
    """Lets no step begin until it is opened; notes who made each."""

    def __init__(self, *, open: bool = False) -> None:  # noqa: A002
        self.flag, self.made, self.reached = Flag(), list[list[int]](), Flag()
        if open:
            self.flag.set()

    def __call__(self, runs: list[Run]) -> None:
        self.reached.set()
        assert self.flag.wait(20)
        self.made.append([run.recipe.seed for run in runs])


def test_a_render_is_accepted_makes_its_steps_and_ends(start: Callable[..., Worker], orders: Orders) -> None:
    worker = start()
    told = list(events(worker.submit(orders(steps=3), nothing)))
    assert isinstance(told[0], Accepted)
    assert isinstance(told[-1], Rendering)
    assert told[-1].steps == 3
    stats = worker.stats()
    assert (stats.steps, stats.runs, stats.finished, stats.builds) == (3, 3, 1, 1)
    assert (stats.waiting, stats.running) == (0, 0)


def test_a_long_render_is_suspended_while_another_programs_has_its_turns(
    start: Callable[..., Worker], orders: Orders
) -> None:
    clock, gate = Clock(TURN_S / 4), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    worker = start(before=before, clock=clock)
    worker.warm(orders("conv2_1"))
    long = worker.submit(orders("conv1_1", steps=24, seed=1), nothing)
    assert gate.reached.wait(20)
    short = worker.submit(orders("conv2_1", steps=6, seed=2), nothing)
    gate.flag.set()
    assert [each.steps for each in map(result, (short, long))] == [6, 24]
    first = gate.made.index([2])
    assert first <= 4  # one turn of four steps
    assert gate.made[first : first + 10] == [[2]] * 4 + [[1]] * 4 + [[2]] * 2
    assert worker.stats().steps == 30


def test_clients_of_one_program_take_turns_and_a_suspended_render_loses_nothing(
    start: Callable[..., Worker], orders: Orders
) -> None:
    clock, gate = Clock(TURN_S), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    worker = start(before=before, clock=clock)
    renders = [
        worker.submit(orders(steps=5, seed=number), nothing, client=client)
        for number, client in enumerate(("a", "a", "b"))
    ]
    assert gate.reached.wait(20)
    gate.flag.set()
    for number, render in enumerate(renders):
        rendering = result(render)
        assert rendering.history.tolist() == [0, 1, 2, 3, 4]
        assert rendering.array[0, 0, 0] == pytest.approx(number / 1e6)
    assert [made for (made,) in gate.made[:8]] == [0, 2, 0, 2, 0, 2, 0, 2]


def test_an_interactive_render_does_not_wait_for_the_turn_of_another_to_end(
    start: Callable[..., Worker], orders: Orders
) -> None:
    gate = Gate()
    worker = start(before=gate, clock=Clock(0))
    worker.submit(orders(steps=ENDLESS, seed=1, background=True), nothing)
    assert gate.reached.wait(20)
    urgent = worker.submit(orders(steps=3, seed=2), nothing)
    gate.flag.set()
    assert result(urgent).steps == 3
    assert gate.made[:4] == [[1], [2], [2], [2]]


def test_renders_of_one_program_share_steps_and_join_between_two(start: Callable[..., Worker], orders: Orders) -> None:
    gate = Gate()
    worker = start(batch=3, before=gate)
    first = worker.submit(orders(steps=6, seed=1), nothing)
    assert gate.reached.wait(20)
    others = [worker.submit(orders(steps=2, seed=seed), nothing) for seed in (2, 3, 4)]
    gate.flag.set()
    assert [result(each).steps for each in (first, *others)] == [6, 2, 2, 2]
    assert gate.made[:5] == [[1], [1, 2, 3], [1, 2, 3], [1, 4], [1, 4]]
    stats = worker.stats()
    assert (stats.steps, stats.runs) == (12, 6)


# ----- what is told of the queue -----


def test_who_waits_hears_of_its_position_when_that_has_changed(start: Callable[..., Worker], orders: Orders) -> None:
    clock, gate = Clock(standing.PAUSE_S), Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)

    worker = start(before=before, clock=clock)
    first = worker.submit(orders(steps=1, estimated_s=8), nothing)
    assert gate.reached.wait(20)
    second, third = (worker.submit(orders(steps=ENDLESS, estimated_s=2), nothing) for _ in range(2))
    accepted = [third.take(), second.take()]
    assert [each.queue_position for each in accepted if isinstance(each, Accepted)] == [2, 1]
    gate.flag.set()
    result(first)
    moved = event(third)
    assert isinstance(moved, Progress)
    assert (moved.step, moved.steps, moved.queue_position) == (0, ENDLESS, 1)
    assert moved.estimated_remaining_s > 2
    second.stop()
    told = [event(third) for _ in range(2)]
    assert all(isinstance(each, Progress) and each.queue_position == 0 for each in told)


def test_a_deadline_that_cannot_be_met_is_refused_and_nothing_is_left_of_it(
    start: Callable[..., Worker], orders: Orders
) -> None:
    worker = start()
    with pytest.raises(TooLate, match="takes about 100 s, and the call's deadline is in 3 s"):
        worker.submit(orders(estimated_s=100), nothing, deadline_s=3)
    assert worker.stats().waiting == worker.stats().running == 0
    assert result(worker.submit(orders(estimated_s=100), nothing, deadline_s=60)).steps == 4


def test_a_full_queue_refuses_one_client_before_the_others(start: Callable[..., Worker], orders: Orders) -> None:
    gate = Gate()
    worker = start(before=gate, limits=Limits(max_waiting_renders=4))
    for _ in range(4):  # one runs, three wait
        worker.submit(orders(steps=ENDLESS), nothing, client="a")
    with pytest.raises(QueueFull, match="3 renders of this client"):
        worker.submit(orders(), nothing, client="a")
    worker.submit(orders(), nothing, client="b")
    with pytest.raises(QueueFull, match="4 renders wait"):
        worker.submit(orders(), nothing, client="c")
    gate.flag.set()


# ----- loading -----


def test_steps_go_on_while_a_program_is_loaded(start: Callable[..., Worker], orders: Orders) -> None:
    loading, loaded = Flag(), Flag()

    def load(layer: str) -> None:
        if layer == "conv2_1":
            loading.set()
            assert loaded.wait(20)

    worker = start(loading=load)
    worker.warm(orders("conv1_1"))
    slow = worker.submit(orders("conv2_1"), nothing)
    assert loading.wait(20)
    assert result(worker.submit(orders("conv1_1", steps=50), nothing)).steps == 50
    assert worker.stats().builds == 1
    loaded.set()
    assert result(slow).steps == 4


def test_a_program_that_cannot_be_loaded_fails_its_renders_only(start: Callable[..., Worker], orders: Orders) -> None:
    def load(layer: str) -> None:
        if layer == "conv2_1":
            raise ValueError("no such weights")

    worker = start(loading=load)
    bad, good = (worker.submit(orders(layer), nothing) for layer in ("conv2_1", "conv1_1"))
    with pytest.raises(ValueError, match="no such weights"):
        result(bad)
    assert result(good).steps == 4
    assert (worker.stats().failed, worker.stats().programs, worker.stats().program_bytes) == (1, 1, 0)


def test_programs_stay_while_there_is_memory_and_the_least_recently_used_leaves(
    start: Callable[..., Worker], orders: Orders
) -> None:
    loads: list[str] = []
    worker = start(loading=loads.append, limits=Limits(program_memory_mb=2))
    for layer in ("conv1_1", "conv2_1", "conv1_1", "conv3_1", "conv1_1", "conv2_1"):
        result(worker.submit(orders(layer, program_bytes=2**20), nothing))
    assert loads == ["conv1_1", "conv2_1", "conv3_1", "conv2_1"]
    assert (worker.stats().programs, worker.stats().program_bytes) == (2, 2 * 2**20)


def test_a_program_that_is_needed_does_not_leave_and_the_next_waits_for_it(
    start: Callable[..., Worker], orders: Orders
) -> None:
    loads, gate = list[str](), Gate()
    worker = start(loading=loads.append, before=gate, limits=Limits(program_memory_mb=1))
    running = worker.submit(orders("conv1_1", steps=3, program_bytes=2**20), nothing, client="a")
    assert gate.reached.wait(20)
    large = worker.submit(orders("conv2_1", program_bytes=2**22), nothing, client="b")
    behind = worker.submit(orders("conv1_1", program_bytes=2**20), nothing, client="c")
    gate.flag.set()
    assert [result(each).steps for each in (running, large, behind)] == [3, 4, 4]
    assert loads == ["conv1_1", "conv2_1", "conv1_1"]


def test_a_program_can_be_loaded_beforehand(start: Callable[..., Worker], orders: Orders) -> None:
    loads: list[str] = []
    worker = start(loading=loads.append, limits=Limits(program_memory_mb=1))
    for _ in range(2):
        worker.warm(orders("conv1_1", program_bytes=2**20))
    assert loads == ["conv1_1"]
    with pytest.raises(InvalidRequest, match=r"conv2_1 at 16 px finds no room .* raise program_memory_mb, 1 now"):
        worker.warm(orders("conv2_1", program_bytes=2**20))
    result(worker.submit(orders("conv1_1"), nothing))
    assert loads == ["conv1_1"]


def test_what_cannot_be_loaded_beforehand_says_why(start: Callable[..., Worker], orders: Orders) -> None:
    def load(layer: str) -> None:
        raise ValueError("no such weights")

    with pytest.raises(ValueError, match="no such weights"):
        start(loading=load).warm(orders())


# ----- the end -----


def test_a_step_that_fails_after_another_program_was_left_leaves_nothing(
    start: Callable[..., Worker], orders: Orders
) -> None:
    clock, gate, left = Clock(TURN_S), Gate(), threading.Event()

    def before(runs: list[Run]) -> None:
        gate(runs)
        clock.tick(runs)
        if runs[0].recipe.seed == 2 and left.is_set():
            raise ValueError("out of memory")
        if runs[0].recipe.seed == 2:
            first.stop()  # while it has its place in the other program
            left.set()

    worker = start(before=before, clock=clock)
    first = worker.submit(orders(steps=ENDLESS, seed=1), nothing)
    assert gate.reached.wait(20)
    second = worker.submit(orders("conv2_1", steps=ENDLESS, seed=2), nothing)
    gate.flag.set()
    with pytest.raises(ValueError, match="out of memory"):
        result(second)
    with pytest.raises(Interrupted):
        result(first)
    worker.close()
    assert worker._seated == {}


def test_a_step_that_fails_ends_those_that_made_it_and_no_others(start: Callable[..., Worker], orders: Orders) -> None:
    gate = Gate()

    def before(runs: list[Run]) -> None:
        gate(runs)
        if len(runs) == 2 and runs[0].recipe.seed == 1:
            raise ValueError("out of memory")

    worker = start(batch=2, before=before, clock=Clock(0))
    bad, shared, elsewhere = (
        worker.submit(orders(layer, seed=seed), nothing)
        for layer, seed in (("conv1_1", 1), ("conv1_1", 2), ("conv2_1", 3))
    )
    gate.flag.set()
    for render in (bad, shared):
        with pytest.raises(ValueError, match="out of memory"):
            result(render)
    assert result(elsewhere).steps == 4
    assert result(worker.submit(orders(seed=4), nothing)).steps == 4
    stats = worker.stats()
    assert (stats.failed, stats.finished, stats.running, stats.builds) == (2, 2, 0, 3)


def test_what_is_stopped_while_it_waits_or_is_suspended_ends_at_once(
    start: Callable[..., Worker], orders: Orders
) -> None:
    """Though the device is in the middle of a step."""
    clock, gate, all_there = Clock(TURN_S), Gate(), threading.Event()

    def before(runs: list[Run]) -> None:
        assert all_there.wait(20)
        clock.tick(runs)
        if len(gate.made) == 1:
            gate(runs)
        gate.made.append([run.recipe.seed for run in runs])

    worker = start(before=before, clock=clock)
    suspended = worker.submit(orders(steps=ENDLESS, seed=1), nothing, client="a")
    running = worker.submit(orders(steps=ENDLESS, seed=2), nothing, client="b")
    waiting = worker.submit(orders(steps=ENDLESS, seed=3), nothing, client="b")
    all_there.set()
    assert gate.reached.wait(20)
    for render in (suspended, waiting):
        render.stop()
        render.stop()
        with pytest.raises(Interrupted):
            result(render)
    assert (worker.stats().stopped, worker.stats().running) == (2, 1)
    running.stop()
    assert worker.stats().stopped == 2
    gate.flag.set()
    with pytest.raises(Interrupted):
        result(running)
    stats = worker.stats()
    assert (stats.stopped, stats.late_steps, stats.finished) == (3, 1, 0)


@pytest.mark.parametrize("step_s", [0.01, 7.0])
def test_a_place_is_free_within_the_step_in_which_its_render_was_stopped(
    start: Callable[..., Worker], orders: Orders, step_s: float
) -> None:
    clock, held = Clock(step_s), list[Render]()

    def before(runs: list[Run]) -> None:
        if runs[0].steps == 5:
            until(lambda: bool(held))
            held[0].stop()
        clock.tick(runs)

    worker = start(before=before, clock=clock)
    held.append(worker.submit(orders(steps=ENDLESS), nothing))
    with pytest.raises(Interrupted):
        result(held[0])
    stats = worker.stats()
    assert (stats.steps, stats.late_steps) == (6, 1)
    assert stats.longest_release_s == stats.longest_step_s == pytest.approx(step_s)


def test_nothing_is_taken_after_the_end_and_all_is_stopped(start: Callable[..., Worker], orders: Orders) -> None:
    worker = start()
    renders = [worker.submit(orders(layer, steps=ENDLESS), nothing) for layer in ("conv1_1", "conv2_1", "conv1_1")]
    worker.close()
    for render in renders:
        with pytest.raises(Interrupted):
            result(render)
    with pytest.raises(Draining):
        worker.submit(orders(), nothing)
    assert (worker.stats().stopped, worker.stats().waiting, worker.stats().running) == (3, 0, 0)


def test_a_bell_may_ask_and_stop(start: Callable[..., Worker], orders: Orders) -> None:
    """It is called without any lock."""
    worker, renders = start(), list[Render]()

    def bell() -> None:
        other = threading.Thread(target=worker.stats)
        other.start()
        other.join(20)
        assert not other.is_alive()
        for render in renders:
            render.stop()

    renders.append(worker.submit(orders(steps=ENDLESS), bell))
    with pytest.raises(Interrupted):
        result(renders[0])


def test_a_bell_that_fails_harms_nobody_else(start: Callable[..., Worker], orders: Orders) -> None:
    def bell() -> None:
        raise ValueError("its reader is gone")

    worker = start()
    deaf, other = worker.submit(orders(steps=50), bell), worker.submit(orders(steps=50), nothing)
    assert [result(each).steps for each in (other, deaf)] == [50, 50]


def test_when_no_more_can_be_loaded_nobody_is_left_waiting(
    start: Callable[..., Worker], orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that is about to end."""
    gate = Gate()
    worker = start(before=gate, batch=2)
    running = worker.submit(orders("conv1_1", steps=ENDLESS), nothing)
    assert gate.reached.wait(20)

    def submit(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    with monkeypatch.context() as patch:
        patch.setattr(worker._shelf._builder, "submit", submit)
        new = worker.submit(orders("conv2_1"), nothing)
        gate.flag.set()
        for render in (running, new):
            with pytest.raises(RuntimeError, match="cannot schedule"):
                result(render)
    assert result(worker.submit(orders("conv1_1"), nothing)).steps == 4
    assert (worker.stats().failed, worker.stats().builds) == (2, 2)


def test_a_program_that_could_not_be_loaded_may_be_asked_for_again(
    start: Callable[..., Worker], orders: Orders
) -> None:
    problems = [ValueError("not yet"), ValueError("nor now")]

    def load(layer: str) -> None:
        if problems:
            raise problems.pop()

    worker = start(loading=load)
    with pytest.raises(ValueError, match="nor now"):
        worker.warm(orders())
    with pytest.raises(ValueError, match="not yet"):
        result(worker.submit(orders(), nothing))
    assert result(worker.submit(orders(), nothing)).steps == 4
