"""How good the estimates of waits are: a short render behind long work, and a random load, on texture19.

Run as `python -m tests.reliability.estimates [--minutes 6]`. It prints each case, the share of renders of a random
load that took between half and twice the time that was foretold when they were accepted, and the processor time of one
forecast with 200 waiting renders. The exit status is 1 if a short render is refused, or if the share is below 0.8.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from threading import Event

from reverie_proto.v1 import jobs_pb2, spec_pb2, visualization_pb2
from reverie_server import Engine, Fault, Limits
from reverie_server.observer import Observer
from reverie_server.request.events import Rendering
from reverie_server.request.options import render_request
from reverie_server.request.render_request import RenderRequest

from tests.sizes import square

LONG, SAME, OTHER = ("conv4_1", 224), ("conv4_1", 224), ("conv2_1", 96)
LAYERS, SIZES = ("conv2_1", "conv3_1", "conv4_1", "conv5_1"), (64, 128, 224)
DEADLINES_S = (60, 300, None)
#: The share of the device's time that the random load asks for.
LOAD = 0.65
LEAST_SHARE = 0.8
WAITING = 200


class Forecasts(Observer):
    """Keeps what was foretold of each render, and what it took."""

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []

    def foretold(self, foretold_s: float, taken_s: float) -> None:
        self.pairs.append((foretold_s, taken_s))


class Caller:
    """Submits one render and waits for it."""

    def __init__(self, engine: Engine, request: RenderRequest, client: str, deadline_s: float | None) -> None:
        self._woken, self._begun = Event(), time.perf_counter()
        self.subscription = engine.submit(request, self._woken.set, client=client, deadline_s=deadline_s)

    def wait(self) -> str:
        """Return how long the render took, or why it was refused."""
        while True:
            self._woken.wait()
            self._woken.clear()
            try:
                while (event := self.subscription.take()) is not None:
                    if isinstance(event, Rendering):
                        return f"done in {time.perf_counter() - self._begun:.2f} s"
            except Fault as fault:
                return f"REFUSED: {fault}"


def wanted(engine: Engine, what: tuple[str, int], steps: int, seed: int, *, batch: bool = False) -> RenderRequest:
    """Return a checked request that no other request shares."""
    request, wrong = render_request("texture19", what[0], 0, {"size": what[1], "steps": steps, "seed": seed})
    request.priority = visualization_pb2.PRIORITY_BATCH if batch else visualization_pb2.PRIORITY_INTERACTIVE
    return engine._check(request, wrong)


def cases(engine: Engine) -> int:
    """Print what becomes of a short render behind a long one; return how many were refused."""
    refused, seeds = 0, itertools.count(10**6)
    for front in ("stream", "job"):
        if front == "stream":
            long = Caller(engine, wanted(engine, LONG, 10_000, 1), "a", None).subscription
        else:
            template = spec_pb2.RenderSpec(model="texture19", size=square(LONG[1]), steps=10_000)
            layers = [jobs_pb2.JobLayer(layer=LONG[0])]
            job = engine.jobs.create(jobs_pb2.CreateRenderJobRequest(template=template, layers=layers))
        time.sleep(5)
        for client, what, deadline_s in itertools.product("ab", (SAME, OTHER), DEADLINES_S):
            end = Caller(engine, wanted(engine, what, 4, next(seeds)), client, deadline_s).wait()
            refused += end.startswith("REFUSED")
            program = "same program" if what == SAME else "other program"
            print(f"behind a {front}, client {client}, {program}, deadline {deadline_s} s: {end}", flush=True)
        if front == "stream":
            long.stop()
        else:
            engine.jobs.cancel(job.id)
    return refused


def random_load(engine: Engine, seconds: float) -> None:
    """Submit renders at random times, of random sizes and lengths, and wait until all are done."""
    chance, callers, seeds = random.Random(0), list[Caller](), itertools.count(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        steps = max(2, min(60, int(chance.lognormvariate(2.1, 0.8))))
        what = (chance.choice(LAYERS), chance.choice(SIZES))
        request = wanted(engine, what, steps, next(seeds), batch=chance.random() < 0.3)
        assert request.estimated_s is not None
        callers.append(Caller(engine, request, f"c{chance.randrange(4)}", None))
        time.sleep(chance.expovariate(LOAD / request.estimated_s))
    for caller in callers:
        caller.wait()


def forecast_ms(engine: Engine) -> float:
    """Return the processor time of a forecast while many renders wait, in ms."""
    callers = []
    for seed in range(WAITING):
        request = wanted(engine, (LAYERS[seed % 4], 224), 2 + seed % 300, seed)
        callers.append(Caller(engine, request, f"c{seed}", None))
    state = engine._step_loop._state
    time.sleep(2)
    took = []
    for _ in range(20):
        with state.lock:
            begun = time.thread_time()
            state.scheduler.foretell(state.clock())
            took.append((time.thread_time() - begun) * 1e3)
    for caller in callers:
        caller.subscription.stop()
    return sorted(took)[len(took) // 2]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0, help="length of the random load")
    minutes = parser.parse_args().minutes
    forecasts = Forecasts()
    with tempfile.TemporaryDirectory() as folder:
        store, jobs = Path(folder) / "store", Path(folder) / "jobs.sqlite"
        with Engine(device="cpu", observer=forecasts, store=store, jobs=jobs) as engine:
            refused = cases(engine)
            for what in itertools.product(LAYERS, SIZES):  # so that the time of each program's steps is known
                Caller(engine, wanted(engine, what, 2, 0), "", None).wait()
            forecasts.pairs.clear()
            random_load(engine, 60 * minutes)
            busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
            pairs = list(forecasts.pairs)
        with Engine(device="cpu", limits=Limits(max_waiting_renders=2 * WAITING)) as engine:
            took_ms = forecast_ms(engine)
    ratios = [foretold_s / taken_s for foretold_s, taken_s in pairs]
    share = sum(0.5 <= ratio <= 2 for ratio in ratios) / len(ratios)
    tenths = quantiles(ratios, n=10)
    print(f"random load of {LOAD}, {len(ratios)} renders: {share:.3f} within half to twice the time foretold")
    print(f"load average of the machine at its end, in the last 1, 5 and 15 minutes: {busy}")
    print(f"foretold over taken: {tenths[4]:.2f} at the median, {tenths[0]:.2f} to {tenths[8]:.2f} for the middle 80 %")
    print(f"a forecast with {WAITING} waiting renders takes {took_ms:.1f} ms of processor time")
    return int(refused > 0 or share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
