"""200 streams at once: each ends in a picture or is told when to come back, and the device never idles.

The engine alone renders in a process of its own, and `reverie serve` for the crowd, the same pictures. The crowd stays
for the whole time, and the server is stopped (SIGSTOP) again and again while the engine has its turn, so that both are
measured every few seconds and what else the machine does falls on both; the share is the median over the turns before
and after which the engine was equally fast. Steps are counted as the clients are told of them. A client opens its next
stream when the last one has ended. Meanwhile another process lists the models five times a second.

Run as `python -m tests.reliability.load [--minutes 10]`, which are the server's: it takes a third as long again. The
exit status is 1 when a promise breaks. Figures go to bench/results/load.json.
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
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1.visualization_pb2 import ListModelsRequest, StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server.request.presets import PRESETS

from tests.figures import write_json
from tests.reliability.process import ServerProcess
from tests.server.hosts import Refusal

#: The picture is that of the preset for a first look, which is what a crowd asks of a busy server.
LAYER, CHANNELS, SIZE_PX, PRESET = "conv4_1", 32, 224, "quick"
STEPS = PRESETS[PRESET].steps

#: The promises.
LEAST_SHARE, LONGEST_LISTING_MS = 0.95, 50

#: Between two calls of ListModels.
LISTING_S = 0.2
#: Of the server's turn, what the engine's takes. The server's clock goes on while it stands still, and who was told to
#: come back meanwhile finds no more room than before: the shorter, the truer.
ENGINE_SHARE = 1 / 3
#: The machine is shared, and may halve its speed for half a minute at a time. A turn counts if the engine's turns
#: before and after it differ by no more than this.
EVEN = 0.1
#: A stream that has not ended by then hangs.
HANG_S = 600
#: Threads of whoever had the last turn spin on for a while.
REST_S = 0.5


@dataclass
class Tally:
    """How the streams of a crowd ended, and what they were told on the way."""

    pictures: int = 0
    refused: int = 0
    #: When clients were told of steps, and of how many new ones.
    steps: list[tuple[float, int]] = field(default_factory=list)
    #: Ends that must not be, and how many.
    wrong: Counter[str] = field(default_factory=Counter)

    def rate(self, begun: float, ended: float) -> float:
        """Steps per second that clients were told of between two times."""
        return sum(count for at, count in self.steps if begun <= at < ended) / (ended - begun)


class Gate:
    """What the crowd may do: ask while it is open, wait while the server stands still, and go home in the end.

    Its clock stands still with the server: who was told to come back in ten seconds comes after ten of the server's.
    """

    def __init__(self) -> None:
        self.over, self._open = asyncio.Event(), asyncio.Event()
        self._passed_s, self._since = 0.0, 0.0
        self.open()

    def open(self) -> None:
        """Let the crowd ask, and the clock go."""
        self._open.set()
        self._since = time.perf_counter()

    def close(self) -> None:
        """Let both stand still."""
        self._passed_s = self._now()
        self._open.clear()

    async def pause(self, wait_s: float) -> None:
        """Wait so long, less if the time is up."""
        until = self._now() + wait_s
        while not self.over.is_set() and (left_s := until - self._now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), left_s)
            await self._open.wait()

    def close_after(self, seconds: float) -> None:
        """Send the crowd home then."""
        asyncio.get_running_loop().call_later(seconds, self.over.set)

    def _now(self) -> float:
        return self._passed_s + (time.perf_counter() - self._since if self._open.is_set() else 0.0)


def texture(number: int) -> spec_pb2.RenderSpec:
    """The picture of a number, as the engine alone renders it; numbers differ, for what is the same is made once."""
    objective = spec_pb2.ChannelObjective(layer=LAYER, channel=number % CHANNELS)
    return spec_pb2.RenderSpec(
        model="texture19",
        objective=spec_pb2.Objective(channel=objective),
        preset=PRESET,
        steps=STEPS,
        size_px=SIZE_PX,
        seed=number,
    )


async def crowd(address: str, clients: int, gate: Gate, spec: Callable[[int], spec_pb2.RenderSpec]) -> Tally:
    """Let so many clients open stream after stream until the time is up, and see every stream to its end."""
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
    """See one stream to its end; return how many seconds to wait before the next."""
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
    """Write down the steps that an event tells of; ``made`` are known. Return how many are known then."""
    told: int = {"progress": event.progress.step, "result": event.result.steps}.get(event.WhichOneof("event"), 0)
    if told > made:
        tally.steps.append((time.perf_counter(), told - made))
    return max(told, made)


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


# ----- whoever only looks: a process of its own -----


def listings(address: str) -> None:
    """List the models again and again until the standard input ends; print how long each call took, in ms.

    After a line of the input it says so and stands still until the next.
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
    """A process that lists the models while the block lasts; what its calls took is in `took` afterwards, in ms."""

    def __init__(self, address: str) -> None:
        command = [sys.executable, "-u", "-m", "tests.reliability.load", "--listings", address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.took: list[float] = []

    def stand_still(self) -> None:
        """Return when it has stopped, with no call under way."""
        self.go_on()
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def go_on(self) -> None:
        """Let it list again."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            said, _ = self._process.communicate(timeout=60)
        finally:
            self._process.kill()
        if kind is None:
            self.took = json.loads(said)


def percentile(values: list[float], p: int) -> float:
    """Return the value that p percent do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * p // 100)]


# ----- the race -----


@contextmanager
def engine_alone() -> Iterator[Callable[[float], float]]:
    """A process that renders for so many seconds when it is asked to; returns steps per second."""
    command = [sys.executable, "-m", "bench.service", "--engine", "--layer", LAYER, "--steps", str(STEPS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def render(seconds: float) -> float:
            print(seconds, file=asked, flush=True)
            return float(told.readline())

        try:
            told.readline()
            yield render
        finally:
            process.kill()


async def _race(
    server: ServerProcess, listed: Listing, render: Callable[[float], float], *, clients: int, turns: int, turn_s: float
) -> tuple[Tally, list[float], list[float]]:
    """Let engine and server take turns under the crowd, the engine first and last.

    Returns the crowd's tally, and the steps per second of both by turn.
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
    """Return the server's steps over the engine's, of each turn before and after which the engine was equally fast."""
    shares = []
    for before, after, service in zip(alone, alone[1:], served, strict=False):
        engine = (before + after) / 2
        if abs(before - after) <= EVEN * engine:
            shares.append(service / engine)
    return sorted(shares)


def load(*, clients: int, minutes: float, turn_s: float) -> dict[str, Any]:
    """Measure; return the figures."""
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
    """Return the promises that do not hold."""
    promises = {
        "every stream ends in a picture, or in being told when to come back": not figures["wrong"],
        f"steps are at least {LEAST_SHARE} of the engine's alone": figures["share"] >= LEAST_SHARE,
        f"99 in 100 listings take {LONGEST_LISTING_MS} ms at most": figures["listing_p99_ms"] <= LONGEST_LISTING_MS,
        "the server ends well": figures["exit"] == 0,
    }
    return [promise for promise, holds in promises.items() if not holds]


def main() -> None:
    """Measure and judge."""
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
