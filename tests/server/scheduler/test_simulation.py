"""What is foretold of renders, compared with what a simulated device does with them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from statistics import median
from typing import Any

import pytest
from reverie_server import TooLate
from reverie_server.scheduler.policy import Policy
from reverie_server.scheduler.render import Render
from reverie_server.scheduler.simulation import MOST

from tests.server.scheduler.device import render
from tests.server.scheduler.timed_device import Arrival, TimedDevice, ratios

LOAD_S = 0.5
#: The time of every program's step, in the tests that do not say otherwise.
STEP_S = 0.05


def of(seconds: float, client: str = "a", program: str = "p", **options: Any) -> Render:
    """Return a render that takes some seconds of the device, and whose estimate is right."""
    steps = max(1, round(seconds / STEP_S))
    return render(client, program, steps=steps, estimated_s=steps * STEP_S, **options)


def device(places: int = 1) -> TimedDevice:
    return TimedDevice(places, step_s=lambda layer: STEP_S, load_s=lambda layer: LOAD_S)


# ----- a short render behind long ones -----

# What is in front of it: renders of 577 s, each as (client, program, whether it is a batch render).
FRONTS: dict[str, Sequence[tuple[str, str, bool]]] = {
    "a stream": [("a", "p", False)],
    "a job": [("job 1", "p", True)] * 8,
    "a job of the same client": [("a", "p", True)] * 8,
    "a job of several layers": [("job 1", f"p{n}", True) for n in range(8)],
    "two jobs": [(f"job {n}", "p", True) for n in range(2)],
    "streams of many programs": [("a", f"p{n}", False) for n in range(9)],
    "streams of many clients": [(f"c{n}", "p", False) for n in range(9)],
    "streams and jobs": [("s", "p", False), ("s", "q", False), ("job 1", "p", True), ("job 2", "q", True)],
}


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("client", ["a", "z"])
@pytest.mark.parametrize("program", ["p", "z"])
@pytest.mark.parametrize("background", [False, True], ids=["interactive", "batch"])
@pytest.mark.parametrize("deadline_s", [60, 300, None])
def test_a_short_render_is_admitted_and_done_soon(
    front: str, client: str, program: str, background: bool, deadline_s: float | None
) -> None:
    here = device()
    for each in FRONTS[front]:
        here.submit(Arrival(0.0, of(577, each[0], each[1], background=each[2])))
    here.run(40)
    mine = Arrival(here.now, of(0.2, client, program, background=background), deadline_s)
    here.submit(mine)
    here.run(60)
    assert mine.taken_s < 20
    assert 0.5 <= ratios([mine])[mine.render] <= 2


@pytest.mark.parametrize(
    ("before", "seconds", "deadline_s"),
    [
        ([], 577, 60),
        ([], 577, 250),
        ([("b", 577)], 200, 150),
        ([(f"c{n}", 30) for n in range(20)], 30, 60),
        ([("a", 577)], 500, 300),
    ],
    ids=str,
)
def test_a_deadline_that_cannot_be_met_is_refused_at_once(
    before: Sequence[tuple[str, float]], seconds: float, deadline_s: float
) -> None:
    here = device()
    here.submit(*(Arrival(0.0, of(s, client)) for client, s in before))
    here.run(5)
    mine = of(seconds, "a")
    with pytest.raises(TooLate, match="takes about"):
        here.scheduler.add(mine, here.now, deadline_s=deadline_s)
    assert mine not in here.scheduler.queue
    patient = Arrival(here.now, of(seconds, "a"))
    here.submit(patient)
    here.run()
    assert patient.taken_s > deadline_s


# ----- foretold and taken -----


def test_what_is_foretold_is_exact_if_nothing_else_happens() -> None:
    """But for the rounding of far times: turns are simulated in longer pieces there."""
    here = device(places=2)
    for n, (client, program) in enumerate(itertools.product("abc", "pqr")):
        here.submit(Arrival(0.0, of(1 + 3 * n, client, program, background=n % 4 == 0)))
    here.run(0.1)
    live = list(here.scheduler.queue)
    forecasts = here.scheduler.foretell(here.now)
    begun, since = dict[Render, int](), here.now
    arrivals = {each.render: each for each in here._live.values()}
    here.run()
    for number, each in enumerate(sorted(live, key=lambda each: each.begun_at or 0.0)):
        begun[each] = number
    for each in live:
        ended_at = arrivals[each].ended_at
        assert ended_at is not None
        assert forecasts[each].ends_s == pytest.approx(ended_at - since, rel=0.1, abs=0.6)
        assert forecasts[each].known
    waited = [each for each in live if each.begun_at is not None and each.begun_at > since]
    foretold = sorted(waited, key=lambda each: forecasts[each].position)
    assert foretold == sorted(waited, key=begun.__getitem__)


def random_load(seed: int, *, load: float, places: int) -> list[Arrival]:
    """Return what arrives at a device within ten minutes; one place would be busy for the share `load` of the time."""
    chance = random.Random(seed)
    programs = {f"p{n}": (0.02 * 2 ** chance.uniform(0, 4), 0.2 + chance.random()) for n in range(8)}
    here = TimedDevice(places, step_s=lambda layer: programs[layer][0], load_s=lambda layer: programs[layer][1], room=5)
    arrivals, at = list[Arrival](), 0.0
    while at < 600:
        client, program = f"c{int(chance.expovariate(0.5))}", chance.choice(list(programs))
        steps = max(1, min(2000, int(chance.lognormvariate(math.log(60), 1.2))))
        right_s = steps * programs[program][0]
        estimated_s = right_s * chance.lognormvariate(0, 0.2)  # eight of ten estimates are within 0.77 to 1.29
        made = render(
            client, program, steps=steps, estimated_s=estimated_s, background=chance.random() < 0.3, program_bytes=1
        )
        arrivals.append(Arrival(at, made))
        at += chance.expovariate(load / right_s)
    here.submit(*arrivals)
    here.run()
    return arrivals


@pytest.mark.parametrize(("places", "load"), [(1, 0.3), (1, 0.5), (1, 0.7), (4, 0.5), (4, 0.8)])
def test_four_of_five_renders_of_a_random_load_take_half_to_twice_the_time_foretold(places: int, load: float) -> None:
    """Renders that arrive later are not foretold, so the share falls with the load: to 0.73 at 0.95 and one place."""
    shares = list[float]()
    for seed in range(6):
        arrivals = random_load(seed, load=load, places=places)
        assert all(each.ended_at is not None for each in arrivals)
        shares += ratios(arrivals).values()
    assert sum(0.5 <= share <= 2 for share in shares) >= 0.8 * len(shares)
    assert 0.7 < median(shares) < 1.1


# ----- unknown costs, many renders -----


def test_a_render_of_unknown_cost_delays_no_other_and_leaves_the_later_ones_unknown() -> None:
    here = device()
    unknown, late, early = render("a", "q", steps=40), of(3, "b", background=True), of(0.5, "c")
    for each in (unknown, late, early):
        here.scheduler.queue.add(each)
    forecasts = here.scheduler.foretell(0.0)
    assert not forecasts[unknown].known
    assert not forecasts[late].known
    assert forecasts[late].ends_s < 5
    here.scheduler.add(render("d", "q"), 0.0, deadline_s=0.01)


def test_a_step_of_the_same_program_tells_the_cost_of_those_that_wait() -> None:
    here = device()
    here.submit(Arrival(0.0, render("a", steps=100)), Arrival(0.0, waiting := render("b", steps=100)))
    here.run(1)
    forecast = here.scheduler.foretell(here.now)[waiting]
    assert forecast.known
    assert forecast.ends_s == pytest.approx(10, rel=0.2)


def test_the_work_of_a_simulation_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    here, turns = device(), 0
    for n in range(2000):
        here.scheduler.queue.add(of(1 + n % 900, f"c{n % 70}", f"p{n % 9}", background=n % 3 == 0))
    schedule = Policy.schedule

    def count(policy: Policy[Any]) -> Any:
        nonlocal turns
        turns += 1
        return schedule(policy)

    monkeypatch.setattr(Policy, "schedule", count)
    forecasts = here.scheduler.foretell(0.0)
    assert turns < 3 * MOST
    assert forecasts.keys() == set(here.scheduler.queue)
    assert max(each.position for each in forecasts.values()) == len(here.scheduler.queue) - 1
