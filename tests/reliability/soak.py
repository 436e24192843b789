"""A mix of normal, unusual, hasty, crashing and faulty clients for an hour: the server's memory and files do not grow.

After each minute all clients pause, and memory, open files and threads of the server's process are read. The first
fifth of the time is warm-up. Afterwards memory may grow by one percent, from the median of the first quarter of the
samples to that of the last; the numbers of files and threads must not grow.

Run as `python -m tests.reliability.soak [--minutes 60]`; the exit status is 1 if a promise is broken. Samples go to
bench/results/soak.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import grpc
from reverie_proto.sizes import to_message
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.jobs_pb2 import (
    CancelRenderJobRequest,
    ChannelRange,
    CreateRenderJobRequest,
    JobLayer,
    WatchRenderJobRequest,
)
from reverie_proto.v1.visualization_pb2 import (
    ListLayersRequest,
    ListModelsRequest,
    RenderImageRequest,
    StreamRenderRequest,
)
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.figures import write_json
from tests.memory import held_mib
from tests.models import CHANNELS, write_tiny_model
from tests.reliability.process import ServerProcess
from tests.sizes import square

CLIENTS = 8
#: Pause before each sample, in which connections of crashed clients and gRPC's spare threads end.
REST_S = 3
HANG_S = 60
WARM_UP = 0.2
MOST_GROWTH = 0.01

#: Heights and widths of unusual requests, and the longest render that is allowed.
HEIGHTS, WIDTHS, MOST_STEPS = (16, 33, 95), (16, 60), 500

#: Limits of the store and of job records so small that both are full in the warm-up.
BOUNDS = (
    "--store-limit",
    "4",
    "--limit",
    "max_ended_jobs=20",
    "--limit",
    "max_size_px=96",
    "--limit",
    f"max_steps={MOST_STEPS}",
)

#: A client that crashes in the middle of a stream: the connection ends without a message.
CRASH = """
import os, sys, grpc
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
request = StreamRenderRequest.FromString(bytes.fromhex(sys.argv[2]))
for event in VisualizationServiceStub(grpc.insecure_channel(sys.argv[1])).StreamRender(request):
    os._exit(9)
"""

OK = grpc.StatusCode.OK
MISTAKES = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


class Client:
    """A client with its own connection, which runs random actions one after the other."""

    def __init__(self, address: str, chance: random.Random) -> None:
        self.address, self.chance = address, chance
        self.channel = grpc.aio.insecure_channel(
            address, [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        )
        self.call: Any = VisualizationServiceStub(self.channel)

    def spec(self, *, steps: int = 10, **fields: Any) -> spec_pb2.RenderSpec:
        """Return a spec that was most likely never requested before."""
        layer = self.chance.choice(list(CHANNELS))
        objective = objective_pb2.ChannelObjective(layer=layer, channel=self.chance.randrange(CHANNELS[layer]))
        defaults: dict[str, Any] = {"size": square(32), "seed": self.chance.randrange(10**6)}
        fields = defaults | fields
        return spec_pb2.RenderSpec(
            model="tiny", objective=objective_pb2.Objective(channel=objective), steps=steps, **fields
        )

    async def valid(self) -> grpc.StatusCode:
        """Render one picture, with progress."""
        return await self._read(self.call.StreamRender(StreamRenderRequest(spec=self.spec()), timeout=HANG_S))

    async def known(self) -> grpc.StatusCode:
        """Request one of a few pictures, which the store has or had."""
        request = RenderImageRequest(spec=self.spec(seed=self.chance.randrange(2)))
        return await _ended(self.call.RenderImage(request, timeout=HANG_S))

    async def odd(self) -> grpc.StatusCode:
        """Make an unusual request: odd sizes, one step, every frame, other presets."""
        frames = spec_pb2.FrameRequest(every_steps=1, max_size_px=self.chance.choice([1, 17, 96]))
        spec = self.spec(
            steps=self.chance.choice([1, 2, 30]),
            size=to_message((self.chance.choice(HEIGHTS), self.chance.choice(WIDTHS))),
            preset=self.chance.choice(["reverie", "lucid", "quick"]),
        )
        return await self._read(self.call.StreamRender(StreamRenderRequest(spec=spec, frames=frames), timeout=HANG_S))

    async def long(self, size: tuple[int, int]) -> None:
        """Render a picture of a size for so long that every rotation is drawn, whose tables the server keeps."""
        await self._read(
            self.call.StreamRender(StreamRenderRequest(spec=self.spec(steps=MOST_STEPS, size=to_message(size))))
        )

    async def cancelled(self) -> grpc.StatusCode:
        """Cancel a stream at some event."""
        stream = self.call.StreamRender(StreamRenderRequest(spec=self.spec(steps=500)), timeout=HANG_S)
        return await _ended(self._leave(stream, self.chance.randrange(4)))

    async def hasty(self) -> grpc.StatusCode:
        """Make a request with a deadline that can hardly be met."""
        request = RenderImageRequest(spec=self.spec(steps=500))
        return await _ended(self.call.RenderImage(request, timeout=self.chance.random() / 10))

    async def crashing(self) -> grpc.StatusCode:
        """Run a process that ends in the middle of a stream."""
        request = StreamRenderRequest(spec=self.spec(steps=500)).SerializeToString().hex()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASH, self.address, request)
        return OK if await process.wait() == 9 else grpc.StatusCode.UNKNOWN

    async def mistaken(self) -> grpc.StatusCode:
        """Send invalid input of every kind, including bytes that are not a message."""
        wrong: dict[str, Any] = self.chance.choice(
            [
                {"size": square(-1)},
                {"steps": 10**6},
                {"preset": "x" * 5000},
                {"size": square(97)},
                {"learning_rate": float("nan")},
            ]
        )
        if self.chance.random() < 0.3:
            begin = self.channel.unary_unary("/reverie.v1.VisualizationService/RenderImage")
            return await _ended(begin(self.chance.randbytes(50) + b"\xff", timeout=HANG_S))
        return await _ended(self.call.RenderImage(RenderImageRequest(spec=self.spec(**wrong)), timeout=HANG_S))

    async def looking(self) -> grpc.StatusCode:
        """Read the catalogue, and request an unknown model."""
        await self.call.ListModels(ListModelsRequest(), timeout=HANG_S)
        model = self.chance.choice(["tiny", "texture19", "nobody"])
        return await _ended(self.call.ListLayers(ListLayersRequest(model=model), timeout=HANG_S))

    async def job(self) -> grpc.StatusCode:
        """Create a job of four pictures and watch it to its end; cancel every second job."""
        spec = self.spec()
        spec.ClearField("objective")
        layer = JobLayer(layer="conv2_1", channels=[ChannelRange(first=0, last=3)])
        try:
            request = CreateRenderJobRequest(template=spec, layers=[layer])
            made = (await self.call.CreateRenderJob(request, timeout=HANG_S)).job
            if self.chance.random() < 0.5:
                await self.call.CancelRenderJob(CancelRenderJobRequest(id=made.id), timeout=HANG_S)
        except grpc.aio.AioRpcError as error:
            return error.code()
        watch = self.call.WatchRenderJob(WatchRenderJobRequest(id=made.id), timeout=HANG_S)
        return await _ended(self._rest(watch))

    async def _read(self, stream: Any) -> grpc.StatusCode:
        """Read a stream to its end, which must be a picture."""
        last = None
        try:
            async for event in stream:
                last = event
        except grpc.aio.AioRpcError as error:
            return error.code()
        return OK if last is not None and last.HasField("result") else grpc.StatusCode.DATA_LOSS

    async def _leave(self, stream: Any, after: int) -> None:
        """Cancel a stream after a number of events, and wait for its end."""
        for _ in range(after):
            await stream.read()
        stream.cancel()
        while await stream.read() is not grpc.aio.EOF:
            pass

    async def _rest(self, stream: Any) -> None:
        """Read a stream to its end."""
        async for _ in stream:
            pass


async def _ended(call: Awaitable[Any]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    except asyncio.CancelledError:  # grpc.aio raises it for a call that its own client has cancelled
        return grpc.StatusCode.CANCELLED
    return OK


FULL = grpc.StatusCode.RESOURCE_EXHAUSTED

#: The actions with their weights, and the statuses that they may end with.
MIX: list[tuple[int, Callable[[Client], Awaitable[grpc.StatusCode]], tuple[grpc.StatusCode, ...]]] = [
    (40, Client.valid, (OK, FULL)),
    (15, Client.known, (OK, FULL)),
    (10, Client.odd, (OK, FULL)),
    (12, Client.cancelled, (OK, grpc.StatusCode.CANCELLED, FULL)),
    (5, Client.hasty, (OK, grpc.StatusCode.DEADLINE_EXCEEDED, FULL)),
    (1, Client.crashing, (OK,)),
    (10, Client.mistaken, MISTAKES),
    (5, Client.looking, (OK, grpc.StatusCode.NOT_FOUND)),
    (2, Client.job, (OK, FULL)),
]


@dataclass(frozen=True)
class Sample:
    """Memory, open files and threads of a server's process during a pause."""

    at_s: float
    rss_mib: float
    files: int
    threads: int

    @classmethod
    def of(cls, process: int, at_s: float) -> Sample:
        """Take a sample of a process (Linux)."""
        files, threads = (len(list(Path(f"/proc/{process}/{what}").iterdir())) for what in ("fd", "task"))
        return cls(round(at_s, 1), round(held_mib(process), 2), files, threads)


async def _mix(clients: list[Client], seconds: float, done: Counter[str], wrong: Counter[str]) -> None:
    """Let all clients run actions for some seconds, and finish the last ones."""
    until = time.monotonic() + seconds

    async def act(client: Client) -> None:
        weights = [weight for weight, *_ in MIX]
        while time.monotonic() < until:
            ((_, action, fine),) = client.chance.choices(MIX, weights)
            code = await action(client)
            done[action.__name__] += 1
            if code not in fine:
                wrong[f"{action.__name__}: {code.name}"] += 1

    await asyncio.gather(*(act(client) for client in clients))


async def _soak(server: ServerProcess, *, minutes: float, rounds: int, seed: int) -> dict[str, Any]:
    begun, done, wrong, samples = time.monotonic(), Counter[str](), Counter[str](), list[Sample]()
    clients = [Client(server.address, random.Random(f"{seed} {number}")) for number in range(CLIENTS)]
    turn_s = max(0.5, minutes * 60 / rounds - REST_S)
    for size in [(32, 32), *product(HEIGHTS, WIDTHS)]:
        await clients[0].long(size)
    for _ in range(rounds):
        await _mix(clients, turn_s, done, wrong)
        await asyncio.sleep(REST_S)
        samples.append(Sample.of(server.pid, time.monotonic() - begun))
    for client in clients:
        await client.channel.close()
    return {"done": dict(done), "wrong": dict(wrong), "samples": samples}


def soak(*, minutes: float, rounds: int, seed: int = 0) -> dict[str, Any]:
    """Run the mix against a new server; return the actions, the errors, and the samples."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder) / "models" / "tiny")
        places = ("--store", f"{folder}/store", "--jobs", f"{folder}/jobs.sqlite", "--models", f"{folder}/models")
        with ServerProcess(*places, *BOUNDS) as server:
            found = asyncio.run(_soak(server, minutes=minutes, rounds=rounds, seed=seed))
            code, log = server.stop()
    found["exit"], found["incidents"] = code, log.count("incident") + log.count("Traceback")
    return found


def judged(samples: list[Sample]) -> dict[str, float]:
    """Return the growth after the warm-up: of memory as a share, of files and threads as numbers."""
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = max(1, len(warm) // 4)
    first, last = warm[:quarter], warm[-quarter:]
    before, after = (statistics.median(sample.rss_mib for sample in some) for some in (first, last))
    return {
        "memory_growth": round(after / before - 1, 4),
        "more_files": max(sample.files for sample in last) - max(sample.files for sample in first),
        "more_threads": max(sample.threads for sample in last) - max(sample.threads for sample in first),
    }


def main() -> None:
    """Run the check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bench/results/soak.json"))
    chosen = parser.parse_args()
    rounds = max(10, round(chosen.minutes))
    found = soak(minutes=chosen.minutes, rounds=rounds, seed=chosen.seed)
    figures = {"minutes": chosen.minutes, **judged(found["samples"]), **found}
    figures["samples"] = [asdict(sample) for sample in found["samples"]]
    print(json.dumps({name: value for name, value in figures.items() if name != "samples"}, indent=1))
    write_json(chosen.out, figures)
    promises = {
        "every call ends as it should": not found["wrong"],
        "no incident is logged, and the server ends well": (found["incidents"], found["exit"]) == (0, 0),
        f"memory grows by {MOST_GROWTH:.0%} at most": figures["memory_growth"] <= MOST_GROWTH,
        "open files stay as many": figures["more_files"] <= 0,
        "threads stay as many": figures["more_threads"] <= 0,
    }
    for promise, holds in promises.items():
        if not holds:
            print("BROKEN:", promise)
    sys.exit(not all(promises.values()))


if __name__ == "__main__":
    main()
