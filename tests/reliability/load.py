"""200 streams at once: each ends with a picture or a retry time, and the device never idles.

An engine in a separate process and `reverie serve` with its clients render the same pictures. The clients stay for the
whole time. The server is stopped (SIGSTOP) repeatedly while the engine has its turn, so both are measured every few
seconds and other load affects both. The share is the median over the turns before and after which the engine was
equally fast. Steps are counted by the clients' progress events. A client opens its next stream when the last one has
ended. Meanwhile another process lists the models five times a second.

Run as `python -m tests.reliability.load [--minutes 10]`; these are the server's minutes, and the engine's turns take a
third as long again. The exit status is 1 if a promise is broken. Figures go to bench/results/load.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import grpc
from google.rpc import error_details_pb2
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2 import ListModelsRequest, StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server.request.presets import PRESETS

from tests.figures import write_json
from tests.reliability.process import ServerProcess
from tests.server.hosts import Refusal
from tests.sizes import square

#: The pictures use the preset for a quick preview, which is typical of many clients on a busy server.
LAYER, CHANNELS, SIZE_PX, PRESET = "conv4_1", 32, 224, "quick"
STEPS = PRESETS[PRESET].steps

#: The promises.
LEAST_SHARE, LONGEST_LISTING_MS = 0.95, 50

#: Seconds between two calls of ListModels.
LISTING_S = 0.2
#: Length of the engine's turn as a share of the server's. It is short, because the server's clock continues while the
#: server is stopped, and clients that try again find no more room than before.
ENGINE_SHARE = 1 / 3
#: The machine is shared, and its speed may halve for half a minute. A turn counts if the engine's turns before and
#: after it differ by no more than this.
EVEN = 0.1
#: A stream that takes longer counts as hung.
HANG_S = 600
#: Wait between turns, because the threads of the previous turn spin for a while.
REST_S = 0.5


@dataclass
class Tally:
    """How the streams of all clients ended, and the progress that they received."""

    pictures: int = 0
    refused: int = 0
    #: Times at which clients received progress, and the number of new steps.
    steps: list[tuple[float, int]] = field(default_factory=list)
    #: Ends that are not allowed, and their number.
    wrong: Counter[str] = field(default_factory=Counter)

    def rate(self, begun: float, ended: float) -> float:
        """Return the steps per second in clients' progress between two times."""
        return sum(count for at, count in self.steps if begun <= at < ended) / (ended - begun)


class Gate:
    """Controls the clients: they send requests while it is open, wait while the server is stopped, and then leave.

    Its clock stops with the server, so a retry time of ten seconds means ten of the server's seconds.
    """

    def __init__(self) -> None:
        self.over, self._open = asyncio.Event(), asyncio.Event()
        self._passed_s, self._since = 0.0, 0.0
        self.open()

    def open(self) -> None:
        """Let the clients send requests, and start the clock."""
        self._open.set()
        self._since = time.perf_counter()

    def close(self) -> None:
        """Stop both."""
        self._passed_s = self._now()
        self._open.clear()

    async def pause(self, wait_s: float) -> None:
        """Wait for some seconds, or less if the time is up."""
        until = self._now() + wait_s
        while not self.over.is_set() and (left_s := until - self._now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), left_s)
            await self._open.wait()

    def close_after(self, seconds: float) -> None:
        """Let the clients leave after some seconds."""
        asyncio.get_running_loop().call_later(seconds, self.over.set)

    def _now(self) -> float:
        return self._passed_s + (time.perf_counter() - self._since if self._open.is_set() else 0.0)


def texture(number: int) -> spec_pb2.RenderSpec:
    """Return a request that is unique to a number, because equal requests would share a render."""
    objective = objective_pb2.ChannelObjective(layer=LAYER, channel=number % CHANNELS)
    return spec_pb2.RenderSpec(
        model="texture19",
        objective=objective_pb2.Objective(channel=objective),
        preset=PRESET,
        steps=STEPS,
        size=square(SIZE_PX),
        seed=number,
    )


async def crowd(address: str, clients: int, gate: Gate, spec: Callable[[int], spec_pb2.RenderSpec]) -> Tally:
    """Let clients open stream after stream until the time is up, and read every stream to its end."""
    tally, numbers = Tally(), count()

    async def client() -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(address, options) as channel:
            stub = VisualizationServiceStub(channel)
            while not gate.over.is_set():
                wait_s = await _stream(stub, StreamRenderRequest(spec=spec(next(numbers))), tally)
                if wait_s:
                    await gate.pause(wait_s)

    await asyncio.gather(*(client() for _ in range(clients)))
    return tally


async def _stream(stub: Any, request: StreamRenderRequest, tally: Tally) -> float:
    """Read one stream to its end; return how many seconds to wait before the next."""
    made, last = 0, None
    try:
        async for event in stub.StreamRender(request, timeout=HANG_S):
            last = event
            made = _count(event, made, tally)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            tally.wrong[error.code().name] += 1
            return 1
        return _told_to_wait(error, tally)
    if last is None or last.result.steps != request.spec.steps:
        tally.wrong["no picture of all steps"] += 1
        return 1
    tally.pictures += 1
    return 0


def _count(event: Any, made: int, tally: Tally) -> int:
    """Record the new steps of an event, beyond the ``made`` known ones; return the number of known steps."""
    step: int = {"progress": event.progress.step, "result": event.result.steps}.get(event.WhichOneof("event"), 0)
    if step > made:
        tally.steps.append((time.perf_counter(), step - made))
    return max(step, made)


def _told_to_wait(error: grpc.aio.AioRpcError, tally: Tally) -> float:
    refusal = Refusal(error)
    try:
        wait_s = refusal.detail(error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds()
        pushback_s = int(refusal.trailers["grpc-retry-pushback-ms"]) / 1000
    except (KeyError, ValueError):
        tally.wrong["refused without saying for how long"] += 1
        return 1
    tally.refused += 1
    return max(float(wait_s), pushback_s) + random.random()


# ----- a client that lists models, in a separate process -----


def listings(address: str) -> None:
    """List the models again and again until the standard input ends; print how long each call took, in ms.

    After a line of input it acknowledges it and pauses until the next line.
    """
    took: list[float] = []
    with grpc.insecure_channel(address) as channel:
        stub = VisualizationServiceStub(channel)
        stub.ListModels(ListModelsRequest(), timeout=HANG_S)
        while True:
            if select.select([sys.stdin], [], [], LISTING_S)[0]:
                if not sys.stdin.readline():
                    break
                print("still", flush=True)
                sys.stdin.readline()
            begun = time.perf_counter()
            stub.ListModels(ListModelsRequest(), timeout=HANG_S)
            took.append((time.perf_counter() - begun) * 1e3)
    print(json.dumps(took))


class Listing:
    """A process that lists the models during the block; afterwards `took` has the duration of each call in ms."""

    def __init__(self, address: str) -> None:
        command = [sys.executable, "-u", "-m", "tests.reliability.load", "--listings", address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.took: list[float] = []

    def stand_still(self) -> None:
        """Pause, and return when no call is in progress."""
        self.go_on()
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def go_on(self) -> None:
        """Continue to list."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            output, _ = self._process.communicate(timeout=60)
        finally:
            self._process.kill()
        if kind is None:
            self.took = json.loads(output)


def percentile(values: list[float], p: int) -> float:
    """Return the p-th percentile."""
    return sorted(values)[min(len(values) - 1, len(values) * p // 100)]


# ----- the comparison -----


@contextmanager
def engine_alone() -> Iterator[Callable[[float], float]]:
    """Run an engine in a separate process; yield a function that lets it render and returns steps per second."""
    command = [sys.executable, "-m", "bench.service", "--engine", "--layer", LAYER, "--steps", str(STEPS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def render(seconds: float) -> float:
            print(seconds, file=requests, flush=True)
            return float(answers.readline())

        try:
            answers.readline()
            yield render
        finally:
            process.kill()


async def _race(
    server: ServerProcess, listed: Listing, render: Callable[[float], float], *, clients: int, turns: int, turn_s: float
) -> tuple[Tally, list[float], list[float]]:
    """Let engine and server take turns while the clients are connected, the engine first and last.

    Returns the clients' tally, and the steps per second of both by turn.
    """
    gate = Gate()
    alone, served = [], []

    def stop_and_render() -> float:
        listed.stand_still()
        server.send(signal.SIGSTOP)
        try:
            rate = render(turn_s * ENGINE_SHARE)
            time.sleep(REST_S)
        finally:
            server.send(signal.SIGCONT)
            listed.go_on()
        return rate

    crowding = asyncio.create_task(crowd(server.address, clients, gate, texture))
    await asyncio.sleep(turn_s)  # the program is built, and the queue fills
    for turn in range(turns + 1):
        gate.close()
        alone.append(await asyncio.to_thread(stop_and_render))
        gate.open()
        if turn < turns:
            begun = time.perf_counter()
            await asyncio.sleep(turn_s)
            served.append((begun, time.perf_counter()))
    gate.over.set()
    tally = await crowding
    return tally, alone, [tally.rate(*turn) for turn in served]


def even_shares(alone: Sequence[float], served: Sequence[float]) -> list[float]:
    """Return the ratio of the server's steps to the engine's for the turns between two equal turns of the engine."""
    shares = []
    for before, after, service in zip(alone, alone[1:], served, strict=False):
        engine = (before + after) / 2
        if abs(before - after) <= EVEN * engine:
            shares.append(service / engine)
    return sorted(shares)


def load(*, clients: int, minutes: float, turn_s: float) -> dict[str, Any]:
    """Run the check; return the figures."""
    turns = max(1, round(minutes * 60 / turn_s))
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess("--store", "off", "--jobs", str(Path(folder) / "jobs.sqlite")) as server,
        engine_alone() as render,
    ):
        busy_s, begun_s = time.process_time(), time.perf_counter()
        with Listing(server.address) as listed:
            tally, alone, served = asyncio.run(
                _race(server, listed, render, clients=clients, turns=turns, turn_s=turn_s)
            )
        clients_s, whole_s = time.process_time() - busy_s, (time.perf_counter() - begun_s) / (1 + ENGINE_SHARE)
        code, _ = server.stop()
    shares = even_shares(alone, served)
    return {
        "clients": clients,
        "turns": turns,
        "turn_s": turn_s,
        "even_turns": len(shares),
        "pictures": tally.pictures,
        "refused": tally.refused,
        "wrong": dict(tally.wrong),
        "engine_steps_per_s": round(statistics.median(alone), 2),
        "service_steps_per_s": round(statistics.median(served), 2),
        "cores_of_clients": round(clients_s / whole_s, 3),  # which the device does not have
        "share": round(statistics.median(shares), 3) if shares else 0.0,
        "share_quartiles": [round(percentile(shares, p), 3) for p in (25, 75)] if shares else [],
        "share_of_all_turns": round(sum(served) / len(served) / statistics.mean(alone), 3),
        "listings": len(listed.took),
        **{f"listing_p{p}_ms": round(percentile(listed.took, p), 1) for p in (50, 95, 99)},
        "exit": code,
        "engine_by_turn": [round(rate, 1) for rate in alone],
        "service_by_turn": [round(rate, 1) for rate in served],
    }


def broken(figures: dict[str, Any]) -> list[str]:
    """Return the promises that are broken."""
    promises = {
        "every stream ends in a picture, or in being told when to come back": not figures["wrong"],
        f"steps are at least {LEAST_SHARE} of the engine's alone": figures["share"] >= LEAST_SHARE,
        f"99 in 100 listings take {LONGEST_LISTING_MS} ms at most": figures["listing_p99_ms"] <= LONGEST_LISTING_MS,
        "the server ends well": figures["exit"] == 0,
    }
    return [promise for promise, holds in promises.items() if not holds]


def main() -> None:
    """Run the check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--turn", type=float, default=6, help="seconds of the server's turn")
    parser.add_argument("--listings", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("bench/results/load.json"))
    chosen = parser.parse_args()
    if chosen.listings:
        listings(chosen.listings)
        return
    figures = load(clients=chosen.clients, minutes=chosen.minutes, turn_s=chosen.turn)
    print(json.dumps(figures, indent=1))
    write_json(chosen.out, figures)
    for promise in (failed := broken(figures)):
        print("BROKEN:", promise)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
