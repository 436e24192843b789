"""Forced races of threads in the step loop, by random delays: no render is lost, none is done twice.

They run with about twenty seeds, or as many as the environment variable REVERIE_RACES says.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from threading import Event as Wake

import pytest
from reverie_ascent import Run
from reverie_server import Draining, Interrupted, Limits, QueueFull
from reverie_server.request.events import Accepted, Progress, Rendering
from reverie_server.scheduler.step_loop import RACE_POINTS, StepLoop

from tests.server.fakes import PATIENCE_S, ReadRender, fake_step_loop, placed, request, submit

SEEDS = range(int(os.environ.get("REVERIE_RACES", "20")))
LAYERS = ("conv1_1", "conv2_1", "conv3_1")
CLIENTS, RENDERS = 4, 6
MEGABYTE = 2**20


class BrokenStep(RuntimeError):
    """The exception of a step that fails on purpose."""


class Chance:
    """Random numbers per thread, so that a seed gives the same numbers in any order of threads."""

    def __init__(self, seed: int) -> None:
        self._seed, self._local = seed, threading.local()

    def __call__(self) -> float:
        if not hasattr(self._local, "random"):
            self._local.random = random.Random(f"{self._seed} {threading.current_thread().name}")
        return float(self._local.random.random())


class Client(threading.Thread):
    """Submits renders one after the other or together, reads some to their end, and stops others at any time."""

    def __init__(self, number: int, step_loop: StepLoop, chance: Chance) -> None:
        super().__init__(name=f"client {number}")
        self.number, self.step_loop, self.chance = number, step_loop, chance
        self.ends: list[object] = []
        self.refused = 0

    def run(self) -> None:
        live = []
        for n in range(RENDERS):
            wanted = request(
                LAYERS[int(self.chance() * 3)],
                steps=1 + int(self.chance() * 6),
                seed=100 * self.number + n,
                background=self.chance() < 0.3,
                program_bytes=MEGABYTE,
            )
            wake = Wake()
            try:
                live.append((submit(self.step_loop, wanted, wake.set, client=self.name), wake, self.chance()))
            except (QueueFull, Draining):
                self.refused += 1
            if live and self.chance() < 0.4:
                self.finish(*live.pop())
        for each in live:
            self.finish(*each)

    def finish(self, render: ReadRender, wake: Wake, stop_chance: float) -> None:
        """Read a render to its end, or stop it at some event or before any; one in three is stopped."""
        events: list[object] = []
        if stop_chance < 0.1:
            render.stop()
        try:
            while not events or not isinstance(events[-1], Rendering):
                assert wake.wait(PATIENCE_S), "its end was lost"
                wake.clear()
                while (event := render.take()) is not None:
                    events.append(event)
                    if stop_chance < 0.3 and len(events) > 2:
                        render.stop()
        except (Interrupted, BrokenStep) as error:
            events.append(error)
        self.check(render, events)
        self.ends.append(events[-1])

    def check(self, render: ReadRender, events: list[object]) -> None:
        """Check that the events of a render are its own, complete and in order."""
        recipe = render.request.recipe
        assert isinstance(events[0], Accepted)
        assert all(isinstance(event, Progress) for event in events[1:-1])
        steps = [event.step for event in events if isinstance(event, Progress)]
        assert steps == sorted(steps)
        assert render.take() is None
        if isinstance(events[-1], Rendering):
            assert events[-1].history.tolist() == list(range(recipe.steps))
            assert events[-1].array[0, 0, 0] == pytest.approx(recipe.seed / 1e6)


def broken_once(chance: Chance) -> Callable[[list[Run]], None]:
    """Return a step that fails once at some time, for every second seed."""
    when = [int(chance() * 60)]

    def before(runs: list[Run]) -> None:
        when[0] -= 1
        if when[0] == 0:
            raise BrokenStep

    return before


@pytest.mark.parametrize("seed", SEEDS)
def test_no_render_is_lost_or_done_twice(seed: int) -> None:
    chance, threads, met = Chance(seed), set(threading.enumerate()), set[str]()

    def race_point(name: str) -> None:
        met.add(name)
        if chance() < 0.3:
            time.sleep(chance() * 2e-3)

    step_loop = fake_step_loop(
        batch=1 + seed % 3,
        limits=Limits(max_waiting_renders=12, program_memory_mb=2),
        before=broken_once(chance),
        loading=lambda layer: time.sleep(chance() * 2e-3),
        race_point=race_point,
    )
    clients = [Client(number, step_loop, chance) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    if seed % 4 == 0:  # in the middle of it all
        time.sleep(0.02)
        step_loop.close()
    for client in clients:
        client.join(PATIENCE_S)
        assert not client.is_alive()
    step_loop.close()
    stats, ends = step_loop.stats(), [end for client in clients for end in client.ends]
    assert met <= set(RACE_POINTS)
    assert stats.finished == sum(1 for end in ends if isinstance(end, Rendering))
    assert stats.stopped == sum(1 for end in ends if isinstance(end, Interrupted))
    assert stats.failed == sum(1 for end in ends if isinstance(end, BrokenStep))
    assert len(ends) + sum(client.refused for client in clients) == CLIENTS * RENDERS
    assert (stats.waiting, stats.running, placed(step_loop)) == (0, 0, [])
    assert set(threading.enumerate()) <= threads  # one of the test before may have ended meanwhile
