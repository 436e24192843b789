"""Kills the server with `kill -9` many times in the middle of a job, and checks that no picture is lost.

A job of tiny pictures of texture19 continues while its server is killed at random moments and restarted with the same
store and the same jobs file. Promised: the job succeeds; every picture that was reported as finished is in the store
and is never rendered again; nothing else is rendered twice, except for pictures in progress when the server was killed.

Run as `python -m tests.reliability.kill_job [--kills 20] [--images 200]`; the exit status is 1 if a promise is broken.
Figures go to bench/results/kill_job.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc
from reverie_proto.v1.jobs_pb2 import (
    ChannelRange,
    CreateRenderJobRequest,
    GetRenderJobRequest,
    JobLayer,
    WatchRenderJobRequest,
)
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_ONLY, RenderImageRequest
from reverie_server.jobs.shares import AT_ONCE

from tests.figures import write_json
from tests.reliability.server import Server, server
from tests.sizes import square

#: Layers of texture19 and their channels.
LAYERS = {"conv1_1": 16, "conv1_2": 16, "conv2_1": 32, "conv2_2": 32, "conv3_1": 64, "conv3_2": 64, "conv3_3": 64}
STEPS, SIZE_PX = 8, 32


@dataclass
class Watched:
    """The events that a client received that reconnects after every kill: sequence numbers and items."""

    sequence: int = 0
    digests: list[str] = field(default_factory=list)
    gaps: int = 0

    def follow(self, at: Server, job: str, until: int) -> bool:
        """Watch until a number of items have ended; return whether the job has ended too."""
        request = WatchRenderJobRequest(id=job, after_sequence=self.sequence)
        for event in at.call.WatchRenderJob(request):
            if event.HasField("item"):
                self.gaps += event.sequence != self.sequence + 1
                self.sequence = event.sequence
                self.digests.append(event.item.spec_digest)
            if event.job.HasField("ended_at") and event.sequence == event.job.sequence:
                return True
            if len(self.digests) >= until:
                return False
        return True


@dataclass
class Figures:
    """The results of the check."""

    images: int
    kills: int
    done: int
    told: int
    #: Reported as finished, and not in the store at the end.
    lost: int
    #: Rendered again after they had been reported as finished.
    repeated_after_told: int
    #: Rendered more than once in total, and the largest number that the kills can explain.
    rendered_twice: int
    in_flight_at_kills: int
    #: Sequence numbers that a watcher missed or received twice.
    gaps: int
    seconds: float

    def broken(self) -> list[str]:
        """The promises that are broken."""
        return [
            sentence
            for sentence, holds in {
                "the job completes": self.done == self.images == self.told,
                "no finished image is lost": self.lost == 0,
                "nothing that was done is rendered again": self.repeated_after_told == 0,
                "nothing is rendered twice but what was in flight": self.rendered_twice <= self.in_flight_at_kills,
                "a watcher misses nothing": self.gaps == 0,
            }.items()
            if not holds
        ]


def request(images: int) -> CreateRenderJobRequest:
    """Return a job of a number of tiny pictures, from as many layers as necessary."""
    layers, left = [], images
    for name, channels in LAYERS.items():
        if take := min(left, channels):
            layers.append(JobLayer(layer=name, channels=[ChannelRange(first=0, last=take - 1)]))
            left -= take
    return CreateRenderJobRequest(
        template=RenderSpec(model="texture19", size=square(SIZE_PX), steps=STEPS), layers=layers
    )


def measure(kills: int, images: int, seed: int) -> Figures:
    """Kill a server a number of times in the middle of a job, and return the results."""
    chance, begun = random.Random(seed), time.perf_counter()
    watched, rendered, told_before = Watched(), Counter[str](), set[str]()
    repeated, in_flight, job = 0, 0, ""
    # The first kill is after a few pictures, the last one before the last few.
    stops = sorted(chance.sample(range(2, images - 5), kills))
    with tempfile.TemporaryDirectory(prefix="reverie-kill-") as folder:
        for number, stop in enumerate([*stops, images + 1]):
            with server(Path(folder)) as at:
                if not job:
                    job = at.call.CreateRenderJob(request(images)).job.id
                with contextlib.suppress(grpc.RpcError):
                    watched.follow(at, job, stop)
                if number < kills:
                    time.sleep(chance.random() * 0.02)  # at a random point of the next picture
                    at.process.kill()
                    in_flight += AT_ONCE
                else:
                    done = at.call.GetRenderJob(GetRenderJobRequest(id=job)).job
                    lost = _lost(at, job)
                made = at.rendered()
            rendered.update(made)
            repeated += sum(digest in told_before for digest in made)
            told_before = {digest[:12] for digest in watched.digests}
    return Figures(
        images=images,
        kills=kills,
        done=done.done_count,
        told=len(set(watched.digests)),
        lost=lost,
        repeated_after_told=repeated,
        rendered_twice=sum(count - 1 for count in rendered.values()),
        in_flight_at_kills=in_flight,
        gaps=watched.gaps,
        seconds=round(time.perf_counter() - begun, 1),
    )


def _lost(at: Server, job: str) -> int:
    """Request every picture of a job that was reported as finished, and count those that are not in the store."""
    lost = 0
    for event in at.call.WatchRenderJob(WatchRenderJobRequest(id=job)):
        if event.HasField("item"):
            try:
                found = at.call.RenderImage(RenderImageRequest(spec=event.item.effective_spec, cache=CACHE_MODE_ONLY))
                lost += found.rendering.spec_digest != event.item.spec_digest
            except grpc.RpcError:
                lost += 1
    return lost


def main() -> None:
    """Run the check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bench/results/kill_job.json"))
    chosen = parser.parse_args()
    figures = measure(chosen.kills, chosen.images, chosen.seed)
    print(json.dumps(asdict(figures), indent=1))
    write_json(chosen.out, asdict(figures))
    for promise in (broken := figures.broken()):
        print("BROKEN:", promise)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
