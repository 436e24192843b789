"""200 streams at once: each ends in a picture or is told when to come back, and the device never idles.

The engine alone renders in a process of its own, and `reverie serve` for the crowd, in turns (A B A B), the same
pictures; the share is the median over the turns. A client opens its next stream when the last one has ended. Meanwhile
another process lists the models twenty times a second.

Run as `python -m bench.reliability.load [--minutes 10]`; the exit status is 1 when a promise breaks. Figures go to
bench/results/load.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1.visualization_pb2 import ListModelsRequest, StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from bench.reliability.process import ServerProcess
from bench.results import write_json
from tests.serving.hosts import Refusal

LAYER, CHANNELS, SIZE_PX, STEPS = "conv4_1", 32, 224, 16

#: The promises.
LEAST_SHARE, LONGEST_LISTING_MS = 0.95, 50

#: Between two calls of ListModels.
LISTING_S = 0.05
#: A stream that has not ended by then hangs.
HANG_S = 600


@dataclass
class Tally:
    """How the streams of a crowd ended."""

    #: When each picture was there.
    pictures: list[float] = field(default_factory=list)
    refused: int = 0
    #: Ends that must not be, and how many.
    wrong: Counter[str] = field(default_factory=Counter)

    def rate(self, steps: int) -> float:
        """Steps per second between the first picture and the last."""
        return (len(self.pictures) - 1) * steps / (self.pictures[-1] - self.pictures[0])


def texture(number: int) -> spec_pb2.RenderSpec:
    """The picture of a number, as the engine alone renders it; numbers differ, for what is the same is made once."""
    objective = spec_pb2.ChannelObjective(layer=LAYER, channel=number % CHANNELS)
    return spec_pb2.RenderSpec(
        model="texture19", objective=spec_pb2.Objective(channel=objective), steps=STEPS, size_px=SIZE_PX, seed=number
    )


async def crowd(address: str, clients: int, seconds: float, spec: Callable[[int], spec_pb2.RenderSpec]) -> Tally:
    """Let so many clients open stream after stream until the time is up, and see every stream to its end."""
    tally, until, numbers = Tally(), time.perf_counter() + seconds, count()

    async def client() -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(address, options) as channel:
            stub = VisualizationServiceStub(channel)
            while time.perf_counter() < until:
                wait_s = await _stream(stub, StreamRenderRequest(spec=spec(next(numbers))), tally)
                await asyncio.sleep(min(wait_s, max(0, until - time.perf_counter())))

    await asyncio.gather(*(client() for _ in range(clients)))
    return tally


async def _stream(stub: Any, request: StreamRenderRequest, tally: Tally) -> float:
    """See one stream to its end; return how many seconds to wait before the next."""
    last = None
    try:
        async for event in stub.StreamRender(request, timeout=HANG_S):
            last = event
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            tally.wrong[error.code().name] += 1
            return 1
        return _told_to_wait(error, tally)
    if last is None or last.result.steps != request.spec.steps:
        tally.wrong["no picture of all steps"] += 1
        return 1
    tally.pictures.append(time.perf_counter())
    return 0


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
    """List the models again and again until the standard input ends; print how long each call took, in ms."""
    took: list[float] = []
    with grpc.insecure_channel(address) as channel:
        stub = VisualizationServiceStub(channel)
        stub.ListModels(ListModelsRequest(), timeout=HANG_S)
        while not select.select([sys.stdin], [], [], LISTING_S)[0]:
            begun = time.perf_counter()
            stub.ListModels(ListModelsRequest(), timeout=HANG_S)
            took.append((time.perf_counter() - begun) * 1e3)
    print(json.dumps(took))


@contextmanager
def listing(address: str) -> Iterator[list[float]]:
    """Have the models listed while the block lasts; the list is filled when it ends."""
    took: list[float] = []
    command = [sys.executable, "-m", "bench.reliability.load", "--listings", address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield took
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    took += json.loads(said)


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


def load(*, clients: int, minutes: float, rounds: int) -> dict[str, Any]:
    """Measure; return the figures."""
    turn_s = minutes * 60 / rounds / 2
    alone: list[float] = []
    turns: list[Tally] = []
    took: list[float] = []
    clients_s = whole_s = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess("--store", "off", "--jobs", str(Path(folder) / "jobs.sqlite")) as server,
        engine_alone() as render,
    ):
        asyncio.run(crowd(server.address, 1, 1, texture))  # the program is built
        for _ in range(rounds):
            alone.append(render(turn_s))
            busy_s, begun_s = time.process_time(), time.perf_counter()
            with listing(server.address) as listed:
                turns.append(asyncio.run(crowd(server.address, clients, turn_s, texture)))
            took += listed
            clients_s += time.process_time() - busy_s
            whole_s += time.perf_counter() - begun_s
        code, _ = server.stop()
    shares = [turn.rate(STEPS) / rate for turn, rate in zip(turns, alone, strict=True)]
    return {
        "clients": clients,
        "rounds": rounds,
        "turn_s": round(turn_s, 1),
        "pictures": sum(len(turn.pictures) for turn in turns),
        "refused": sum(turn.refused for turn in turns),
        "wrong": dict(sum((turn.wrong for turn in turns), Counter())),
        "engine_steps_per_s": [round(rate, 2) for rate in alone],
        "service_steps_per_s": [round(turn.rate(STEPS), 2) for turn in turns],
        "shares": [round(share, 3) for share in shares],
        "cores_of_clients": round(clients_s / whole_s, 3),  # which the device does not have
        "share": round(statistics.median(shares), 3),
        "listings": len(took),
        **{f"listing_p{p}_ms": round(percentile(took, p), 1) for p in (50, 95, 99)},
        "exit": code,
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--listings", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("bench/results/load.json"))
    chosen = parser.parse_args()
    if chosen.listings:
        listings(chosen.listings)
        return
    figures = load(clients=chosen.clients, minutes=chosen.minutes, rounds=chosen.rounds)
    print(json.dumps(figures, indent=1))
    write_json(chosen.out, figures)
    for promise in (failed := broken(figures)):
        print("BROKEN:", promise)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
