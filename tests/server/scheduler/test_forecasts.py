"""What the step loop's thread foretells of renders, and what it does with them, under a clock that steps move."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from reverie_ascent import Run
from reverie_server import Limits, TooLate
from reverie_server.observer import Observer
from reverie_server.request.events import Event, Progress

from tests.server.fakes import PATIENCE_S, ReadRender, fake_step_loop, nothing, request, submit

STEP_S = 0.05
LAYERS = [f"conv{n}_1" for n in range(1, 6)]


class Clock(Observer):
    """A clock that only steps move; it also keeps what was foretold and taken."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: Callable[[], None] = lambda: None
        self.forecasts: list[tuple[float, float]] = []

    def __call__(self) -> float:
        return self.now

    def tick(self, runs: list[Run]) -> None:
        """Make a step, and then what is due at this time."""
        self.now += STEP_S
        self.due()

    def foretold(self, foretold_s: float, taken_s: float) -> None:
        self.forecasts.append((foretold_s, taken_s))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_foretold_is_half_to_twice_what_is_taken(batch: int, seed: int) -> None:
    clock, chance, done = Clock(), random.Random(seed), threading.Semaphore(0)
    loop = fake_step_loop(
        batch=batch, before=clock.tick, clock=clock, observer=clock, limits=Limits(max_waiting_renders=999)
    )
    for layer in LAYERS:
        loop.warm(request(layer))
    arrivals, count = [0.0], 60
    while len(arrivals) < count:
        arrivals.append(arrivals[-1] + chance.expovariate(0.15))

    def wanted() -> None:
        steps = max(2, int(chance.lognormvariate(3, 1)))
        submit(
            loop,
            request(
                chance.choice(LAYERS),
                steps=steps,
                seed=len(arrivals),
                estimated_s=steps * STEP_S,
                background=chance.random() < 0.3,
            ),
            done.release,
            client=f"c{chance.randrange(4)}",
        )

    def due() -> None:
        while arrivals and arrivals[0] <= clock.now:
            arrivals.pop(0)
            wanted()

    clock.due = due
    pacemaker = submit(loop, request(steps=100_000, seed=10**6, estimated_s=5000.0), client="pacemaker")
    while len(clock.forecasts) < count:
        assert done.acquire(timeout=PATIENCE_S)
    pacemaker.stop()
    loop.close()
    good = sum(0.5 <= foretold_s / taken_s <= 2 for foretold_s, taken_s in clock.forecasts)
    assert good >= 0.8 * count


class Recorded(ReadRender):
    """A render that keeps the remaining time that it reports at each step."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.told: dict[int, float] = {}

    def put(self, event: Event | BaseException) -> None:
        if isinstance(event, Progress) and event.step:
            self.told[event.step] = event.estimated_remaining_s
        super().put(event)


@pytest.mark.parametrize("background", [False, True], ids=["behind a stream", "behind a batch render"])
def test_the_remaining_time_of_a_render_beside_a_long_one(background: bool) -> None:
    """It takes twice as long as alone, or as long as alone; and so it is told at every step."""
    clock, done = Clock(), threading.Event()
    loop = fake_step_loop(before=clock.tick, clock=clock)
    for layer in LAYERS[:2]:
        loop.warm(request(layer))
    mine: list[Recorded] = []

    def due() -> None:
        if not mine and clock.now > 3:
            mine.append(Recorded(loop, request(LAYERS[1], steps=200, estimated_s=200 * STEP_S), nothing))
            loop.submit(mine[0], client="b", deadline_s=30)
            with pytest.raises(TooLate):
                submit(loop, request(LAYERS[2], steps=20_000, estimated_s=1000.0), client="c", deadline_s=60)
        elif mine and not mine[0].steps_left:
            done.set()

    clock.due = due
    long = submit(loop, request(steps=100_000, estimated_s=5000.0, background=background), client="a")
    assert done.wait(PATIENCE_S)
    long.stop()
    loop.close()
    alone_s = 200 * STEP_S
    share = 9 / 8 if background else 2
    assert list(mine[0].told) == list(range(1, 201))
    for step, told_s in mine[0].told.items():
        assert told_s == pytest.approx(share * (alone_s - step * STEP_S), rel=0.25, abs=1)
