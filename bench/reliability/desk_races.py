"""Forced races where requests, renders and the store meet: random delays at every joint, callers that come and go.

The desk and the store are the real ones; the worker is a thread for each render that makes a picture out of its digest.
Run as `python -m bench.reliability.desk_races [--seeds 500]`; the exit status is 1 when a seed breaks a promise.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from reverie_ascent.maker import Maker
from reverie_proto.v1 import spec_pb2, visualization_pb2
from reverie_server.dispatch import Desk
from reverie_server.errors import Interrupted, NotStored, QueueFull
from reverie_server.request.events import Accepted, Progress, Rendering
from reverie_server.request.render_request import Order
from reverie_server.scheduler.render import Render
from reverie_server.store import NotKept, Store
from reverie_server.store.folder import Folder

STEPS = 4
LONGEST_DELAY_S = 0.002
#: A caller that hears nothing for so long hangs.
PATIENCE_S = 30

USE, BYPASS, ONLY = (
    visualization_pb2.CACHE_MODE_USE,
    visualization_pb2.CACHE_MODE_BYPASS,
    visualization_pb2.CACHE_MODE_ONLY,
)


class Delays:
    """Random pauses, the same for the same seed as far as threads allow."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = Lock()

    def __call__(self) -> None:
        """Pause, or not."""
        with self._lock:
            pause = self._random.choice([0, 0, 0.3, 1]) * self._random.random() * LONGEST_DELAY_S
        time.sleep(pause)


class SlowFolder(Folder):
    """A folder that pauses before and after all that it does."""

    def __init__(self, path: Path, delays: Delays) -> None:
        super().__init__(path)
        self._delays = delays

    def read(self, name: str) -> bytes | None:
        """Read, slowly."""
        self._delays()
        data = super().read(name)
        self._delays()
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write, slowly."""
        self._delays()
        super().write(name, data)
        self._delays()


class FakeWorker:
    """Renders in a thread each, and remembers what it rendered."""

    def __init__(self, delays: Delays, chance: random.Random) -> None:
        self._delays, self._chance = delays, chance
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._finished: list[Render] = []
        self.refused = 0

    def finished(self, digest: str) -> int:
        """How often a shared picture was made for somebody: a last step may end after everybody has left."""
        made = [render for render in self._finished if render.order.plan.digest == digest]
        return sum(render.order.cache == USE and not render.stopped() for render in made)

    def submit(self, order: Order, bell: Callable[[], None], *, client: str, deadline_s: float | None = None) -> Render:
        """Take an order, or refuse it at times."""
        self._delays()
        with self._lock:
            refuse = self._chance.random() < 0.05
            self.refused += refuse
        if refuse:
            raise QueueFull(64, 1)
        render = Render(order, bell, lambda _: None)
        render.mailbox.post(Accepted(order.plan.effective, order.plan.digest))
        thread = Thread(target=self._run, args=(render,))
        self._threads.append(thread)
        thread.start()
        self._delays()
        return render

    def close(self) -> None:
        """Wait for all renders."""
        for thread in self._threads:
            thread.join()

    def _run(self, render: Render) -> None:
        for step in range(1, STEPS + 1):
            self._delays()
            if render.stopped():
                render.mailbox.post(Interrupted())
                return
            render.mailbox.post(Progress(step, STEPS, 0.0, 0.0, 0.0))
        self._finished.append(render)
        render.mailbox.post(picture(render.order.plan.digest))
        self._delays()


MAKER = Maker("0", "0", "cpu", "avx2", "float32", 1, "")


def picture(digest: str) -> Rendering:
    """The one right picture of a digest."""
    rng = np.random.default_rng(int(digest[:8], 16))
    return Rendering(
        array=rng.random((4, 4, 3), np.float32),
        outcome="converged",
        outcome_detail="",
        activation=0.5,
        history=np.zeros(STEPS, np.float32),
        steps=STEPS,
        spec=spec_pb2.RenderSpec(model="tiny"),
        spec_digest=digest,
        maker=MAKER.name,
        frames=(),
        elapsed_s=0.0,
    )


def order(digest: str, cache: visualization_pb2.CacheMode, request_id: str, *, background: bool) -> Order:
    """An order for a picture, as far as desk and worker look at it."""
    plan = SimpleNamespace(digest=digest, effective=spec_pb2.RenderSpec(model="tiny"))
    png = spec_pb2.IMAGE_FORMAT_PNG
    return Order(
        plan=cast(Any, plan),
        format=png,
        frame_format=png,
        frame_steps=frozenset(),
        frame_size_px=4,
        report_every=1,
        background=background,
        cache=cache,
        request_id=request_id,
    )


def race(seed: int, *, callers: int = 40, pictures: int = 3) -> list[str]:
    """Let callers race for a few pictures; return the promises that were broken."""
    chance = random.Random(seed)
    delays = Delays(seed)
    digests = [f"{seed * pictures + i:064x}" for i in range(pictures)]
    worker = FakeWorker(delays, random.Random(seed + 1))
    with tempfile.TemporaryDirectory() as folder:
        place = SlowFolder(Path(folder), delays)
        store = Store(place, MAKER, None)
        desk = Desk(cast(Any, worker), store)
        plans = [(chance.choice(digests), chance.random(), chance.random(), chance.random()) for _ in range(callers)]
        with ThreadPoolExecutor(callers) as threads:
            broken = [each for told in threads.map(lambda plan: _call(desk, delays, *plan), plans) for each in told]
        desk.close()
        for digest in digests:
            kept = store.get(digest)
            if worker.finished(digest) and (kept is None or not _right(kept, digest)):
                broken.append(f"{digest}: rendered, and not in the store")
            if worker.finished(digest) > 1:
                broken.append(f"{digest}: rendered {worker.finished(digest)} times")
    return [f"seed {seed}: {each}" for each in broken]


def _call(desk: Desk, delays: Delays, digest: str, kind: float, leaving: float, durable: float) -> list[str]:
    """One caller: what it saw that it should not have."""
    cache = BYPASS if kind < 0.1 else ONLY if kind < 0.25 else USE
    bell = Event()
    delays()
    durably = durable < 0.3 and cache == USE
    wanted = order(digest, cache, str(uuid.uuid4()), background=durably)
    ticket = desk.submit(wanted, bell.set, durable=durably)
    leaves_after = 1 + int(leaving * 10) if leaving < 0.4 else None
    ends: list[Any] = []
    heard = 0
    until = time.monotonic() + PATIENCE_S
    while not ends:
        if not bell.wait(max(0.0, until - time.monotonic())):
            return [f"{digest}: a caller heard nothing for {PATIENCE_S} s"]
        bell.clear()
        try:
            while (event := ticket.take()) is not None:
                heard += 1
                if isinstance(event, Rendering):
                    ends.append(event)
                elif heard == leaves_after:
                    delays()
                    ticket.stop()
        except (Interrupted, NotStored, QueueFull, NotKept) as refusal:
            ends.append(refusal)
    (end,) = ends
    if ticket.take() is not None:
        return [f"{digest}: something came after the end"]
    if isinstance(end, Rendering):
        return [] if _right(end, digest) else [f"{digest}: the wrong picture"]
    allowed = {Interrupted: leaves_after is not None, NotStored: cache == ONLY, QueueFull: cache != ONLY}
    return [] if allowed.get(type(end), False) else [f"{digest}: ended with {end!r}"]


def _right(rendering: Rendering, digest: str) -> bool:
    return rendering.spec_digest == digest and rendering.array.tobytes() == picture(digest).array.tobytes()


def main() -> None:
    """Race with many seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    broken: list[str] = []
    seeds = parser.parse_args().seeds
    for seed in range(seeds):
        broken += race(seed)
    for each in broken:
        print(each)
    print(f"{seeds} seeds, {len(broken)} promises broken")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
