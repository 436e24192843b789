"""The overhead of the service: steps per second, latency and memory through gRPC, by the number of clients.

An engine in a separate process renders one picture after the other. `reverie serve` renders the same pictures for
clients, each with its own connection, which request the next picture as soon as they have one. They take turns, and
the ratio is the median over the turns. A client that is refused, because too many renders wait, tries again after the
server's retry time, plus up to a second. Latencies are measured in a last, longer turn of the service, from the
accepted call to its picture. Then groups of clients with and without progress events take turns at the service, which
gives the cost of progress. Writes bench/results/service.json.

    python -m bench.service [--clients 1,8,64,200] [--seconds 6] [--rounds 5] [--longer 40] [--pairs 20]
                            [--layer conv4_1] [--steps 32]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from reverie_proto.sizes import to_message
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.figures import write_json
from tests.memory import held_mib

REVERIE = Path(sys.executable).with_name("reverie")
MODEL, CHANNELS, SIZE = "texture19", 32, 224

PREVIEWS = spec_pb2.FrameRequest(every_steps=8, max_size_px=112)
USUAL, EVERY_STEP, SILENT = "progress as usual", "progress at every step", "the picture alone"
KINDS: Mapping[str, StreamRenderRequest] = {
    USUAL: StreamRenderRequest(),
    EVERY_STEP: StreamRenderRequest(progress_every_steps=1),
    SILENT: StreamRenderRequest(progress_every_steps=10_000),
    "and previews at every 8th": StreamRenderRequest(frames=PREVIEWS),
}
"""The kinds of progress that clients request; all except the usual are measured with `FEW` clients only."""
FEW = 8


@dataclass
class Tally:
    """The results of the clients: when each picture arrived, how long it took, and how often they were refused."""

    ends: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    refused: int = 0

    def rate(self, steps: int) -> float:
        """Steps per second between the first picture and the last."""
        return (len(self.ends) - 1) * steps / (self.ends[-1] - self.ends[0])

    def percentile(self, p: int) -> float:
        """Return a percentile of the seconds from an accepted call to its picture."""
        return sorted(self.waits)[min(len(self.waits) - 1, len(self.waits) * p // 100)]


# ----- the engine in a separate process, which reads from standard input how long to run -----


def engine(layer: str, steps: int) -> None:
    """Render for as many seconds as each line says; print steps per second."""
    from reverie_server import Engine

    with Engine() as alone:
        alone.render(MODEL, layer, 0, steps=steps, size=SIZE)
        print("ready", flush=True)
        for line in sys.stdin:
            end, tally = time.perf_counter() + float(line), Tally()
            while time.perf_counter() < end or len(tally.ends) < 2:
                alone.render(MODEL, layer, len(tally.ends) % CHANNELS, steps=steps, size=SIZE)
                tally.ends.append(time.perf_counter())
            print(tally.rate(steps), flush=True)


# ----- clients -----


async def crowd(address: str, clients: int, seconds: float, layer: str, steps: int, kind: StreamRenderRequest) -> Tally:
    """Let clients request picture after picture until the time is up, and then leave."""
    tally = Tally()

    async def client(number: int) -> None:
        async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = VisualizationServiceStub(channel)
            for picture in range(sys.maxsize):
                objective = objective_pb2.ChannelObjective(layer=layer, channel=(number + picture) % CHANNELS)
                spec = spec_pb2.RenderSpec(
                    model=MODEL,
                    objective=objective_pb2.Objective(channel=objective),
                    steps=steps,
                    size=to_message((SIZE, SIZE)),
                    seed=number * 10_000 + picture,  # equal requests would share a render
                )
                request = StreamRenderRequest(spec=spec)
                request.MergeFrom(kind)
                begin = time.perf_counter()
                try:
                    async for event in stub.StreamRender(request):
                        last = event
                except grpc.aio.AioRpcError as error:
                    if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                        raise
                    tally.refused += 1
                    pushback_ms = dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"]
                    await asyncio.sleep(int(pushback_ms) / 1000 + random.random())
                    continue
                if last.result.steps != steps:
                    raise SystemExit(f"a render ended after {last.result.steps} steps: {last.result.outcome_detail}")
                tally.ends.append(time.perf_counter())
                tally.waits.append(tally.ends[-1] - begin)

    tasks = [asyncio.create_task(client(number)) for number in range(clients)]
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    if len(tally.ends) < 2:
        raise SystemExit(f"{clients} clients got {len(tally.ends)} pictures in {seconds} s; give them more --seconds")
    return tally


# ----- the comparison -----


def cost_of_progress(rate: Callable[[StreamRenderRequest], float], pairs: int) -> dict[str, list[float]]:
    """Let clients with and without progress events take turns; return quartiles of the ratios of their steps."""
    found = {}
    for kind in (USUAL, EVERY_STEP):
        ratios = [rate(KINDS[kind]) / rate(KINDS[SILENT]) for _ in range(pairs)]
        found[kind] = statistics.quantiles(ratios, n=4)
        print(f"{kind} over {SILENT}: {found[kind][1]:.3f} ({found[kind][0]:.3f} to {found[kind][2]:.3f})", flush=True)
    return found


def main() -> None:
    """Print a row for each number of clients."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", default="1,8,64,200")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--longer", type=float, default=40)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--layer", default="conv4_1")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--engine", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("bench/results/service.json"))
    given = parser.parse_args()
    if given.engine:
        engine(given.layer, given.steps)
        return
    itself = [sys.executable, "-m", "bench.service", "--engine", "--layer", given.layer, "--steps", str(given.steps)]
    served = [str(REVERIE), "serve", "--listen", "127.0.0.1:0", "--store", "off", "--grace", "0"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    print(f"{MODEL} {given.layer}, {SIZE} px, {given.steps} steps a picture; {given.rounds} x {given.seconds:.0f} s")
    print(f"{'clients':>7}  {'what they get':26}{'engine':>9}{'service':>9}{'ratio':>7}"
          f"{'p50':>8}{'p95':>8}{'p99':>8}{'refused':>9}{'MiB':>7}")  # fmt: skip
    rows: list[dict[str, Any]] = []
    figures: dict[str, Any] = {"seconds": given.seconds, "rounds": given.rounds, "rows": rows}

    def serve(clients: int, seconds: float, asked: StreamRenderRequest) -> Tally:
        return asyncio.run(crowd(address, clients, seconds, given.layer, given.steps, asked))

    def rate(clients: int, asked: StreamRenderRequest) -> float:
        return serve(clients, given.seconds, asked).rate(given.steps)

    with subprocess.Popen(itself, **pipes) as alone, subprocess.Popen(served, **pipes) as server:  # type: ignore[call-overload]
        try:
            alone.stdout.readline()
            address = server.stdout.readline().rpartition(" on ")[2].split()[0]
            for kind, asked in KINDS.items():
                for clients in map(int, given.clients.split(",")) if kind == USUAL else [FEW]:
                    by_engine, by_service = [], []
                    for _ in range(given.rounds):
                        alone.stdin.write(f"{given.seconds}\n")
                        alone.stdin.flush()
                        by_engine.append(float(alone.stdout.readline()))
                        by_service.append(rate(clients, asked))
                    last = serve(clients, given.longer, asked)
                    row = {
                        "clients": clients,
                        "kind": kind,
                        "engine_steps_per_s": statistics.median(by_engine),
                        "service_steps_per_s": statistics.median(by_service),
                        "ratio": statistics.median(s / e for s, e in zip(by_service, by_engine, strict=True)),
                        **{f"p{p}_s": last.percentile(p) for p in (50, 95, 99)},
                        "refused": last.refused,
                        "memory_mib": held_mib(server.pid),
                    }
                    rows.append(row)
                    numbers = (row[f"p{p}_s"] for p in (50, 95, 99))
                    print(f"{clients:7}  {kind:26}{row['engine_steps_per_s']:9.1f}{row['service_steps_per_s']:9.1f}"
                          f"{row['ratio']:7.3f}" + "".join(f"{s:8.2f}" for s in numbers)
                          + f"{row['refused']:9}{row['memory_mib']:7.0f}", flush=True)  # fmt: skip
                    write_json(given.out, figures)
            figures["progress"] = cost_of_progress(partial(rate, FEW), given.pairs)
            write_json(given.out, figures)
        finally:
            alone.kill()
            server.kill()


if __name__ == "__main__":
    main()
