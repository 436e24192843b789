"""Forced races between requests, renders and the store: random delays between their parts, callers that leave.

The dispatcher and the store are real. The step loop is either a fake, with a thread for each render that makes a
picture from its digest, or the real one with fake steps that do the same.
"""

from __future__ import annotations

import functools
import random
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Protocol, cast

import numpy as np
from reverie_ascent.maker import Maker
from reverie_proto.v1 import spec_pb2, visualization_pb2
from reverie_server.dispatch import Dispatcher
from reverie_server.dispatch.inflight import InFlight
from reverie_server.errors import Interrupted, NotStored, QueueFull
from reverie_server.limits import Limits
from reverie_server.request.events import Accepted, Progress, Rendering
from reverie_server.scheduler.quotas import Account, Quota
from reverie_server.store import Store, StoreWriteError
from reverie_server.store.folder import Folder

from tests.server.fakes import PATIENCE_S, SIZE, fake_step_loop, request

STEPS = 4
LONGEST_DELAY_S = 0.002
#: The pixel-steps that each client may use: more than it does, in whole numbers that a float holds.
BUDGET = 2.0**40

USE, BYPASS, ONLY = (
    visualization_pb2.CACHE_MODE_USE,
    visualization_pb2.CACHE_MODE_BYPASS,
    visualization_pb2.CACHE_MODE_ONLY,
)


class Delays:
    """Random pauses, reproducible by seed as far as the order of threads allows."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = Lock()

    def __call__(self, *_: object) -> None:
        """Pause for a random time, which may be 0."""
        with self._lock:
            pause = self._random.choice([0, 0, 0.3, 1]) * self._random.random() * LONGEST_DELAY_S
        time.sleep(pause)


class SlowFolder(Folder):
    """A folder that pauses before and after each operation."""

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


class Loop(Protocol):
    """The methods of a step loop that a dispatcher uses."""

    def submit(self, render: InFlight, *, client: str, background: bool, deadline_s: float | None) -> None: ...
    def promote(self, render: InFlight, *, client: str) -> None: ...
    def stop(self, render: InFlight) -> None: ...
    def close(self) -> None: ...


class ThreadEach:
    """A fake step loop that runs each render in its own thread and refuses some at random."""

    def __init__(self, delays: Delays, chance: random.Random) -> None:
        self._delays, self._chance = delays, chance
        self._lock = Lock()
        self._threads: list[Thread] = []

    def submit(self, render: InFlight, *, client: str, background: bool, deadline_s: float | None) -> None:
        """Start a render, or refuse it at random."""
        self._delays()
        with self._lock:
            refuse = self._chance.random() < 0.05
        if refuse:
            raise QueueFull(64, 1)
        if render.stopped:
            raise Interrupted
        render.put(Accepted(render.request.effective, render.request.digest))
        thread = Thread(target=self._run, args=(render,))
        self._threads.append(thread)
        thread.start()
        render.notify()
        self._delays()

    def promote(self, render: InFlight, *, client: str) -> None:
        """Do nothing, because no render waits."""

    def stop(self, render: InFlight) -> None:
        """End a render before its next step."""
        render.stopped = True

    def close(self) -> None:
        """Wait for all renders."""
        for thread in self._threads:
            thread.join()

    def _run(self, render: InFlight) -> None:
        for step in range(1, STEPS + 1):
            self._delays()
            if render.stopped:
                render.post(Interrupted())
                return
            render.post(Progress(step, STEPS, 0.0, 0.0, 0.0))
        render.post(picture(render.request.digest))
        self._delays()


class Recorded:
    """Wraps a step loop and records the renders that it admitted."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.taken: list[InFlight] = []
        self.promote, self.stop, self.close = loop.promote, loop.stop, loop.close

    def submit(self, render: InFlight, **options: Any) -> None:
        """Submit a render, and record it if it is admitted."""
        self._loop.submit(render, **options)
        self.taken.append(render)

    def steps(self) -> int:
        """Return how many steps were made."""
        return sum(render.run.steps for render in self.taken)

    def finished(self, digest: str) -> int:
        """Return how often a picture was rendered for a caller; renders whose callers had left do not count."""
        made = [render for render in self.taken if render.request.digest == digest and render.rendering is not None]
        return sum(render.request.cache == USE and not render.stopped for render in made)


def thread_each(delays: Delays, seed: int) -> Loop:
    """Return the fake step loop with a thread for each render."""
    return ThreadEach(delays, random.Random(seed + 1))


def real(delays: Delays, seed: int) -> Loop:
    """Return the real step loop with fake steps."""
    return fake_step_loop(
        batch=1 + seed % 3, limits=Limits(max_waiting_renders=4), before=delays, loading=delays, race_point=delays
    )


MAKER = Maker("0", "0", "cpu", "avx2", "float32", 1, "")


def picture(digest: str) -> Rendering:
    """Return the correct picture of a digest."""
    return Rendering(
        array=np.full((SIZE, SIZE, 3), number(digest) / 1e6, np.float32),
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


def number(digest: str) -> int:
    """Return a number that is unique to the digest within a race."""
    return int(digest, 16) % 10**6


def race(start: Callable[[Delays, int], Loop], seed: int, *, callers: int = 40, pictures: int = 3) -> list[str]:
    """Let callers race for a few pictures; return the promises that were broken."""
    chance = random.Random(seed)
    delays = Delays(seed)
    digests = [f"{seed * pictures + i:064x}" for i in range(pictures)]
    step_loop = Recorded(start(delays, seed))
    with tempfile.TemporaryDirectory() as folder:
        place = SlowFolder(Path(folder), delays)
        store = Store(place, MAKER, None)
        dispatcher = Dispatcher(cast(Any, step_loop), store)
        clients = [Account(Quota(None, BUDGET), owner=str(i), clock=lambda: 0.0) for i in range(3)]
        plans = [
            (chance.choice(clients), chance.choice(digests), chance.random(), chance.random(), chance.random())
            for _ in range(callers)
        ]
        with ThreadPoolExecutor(callers) as threads:
            broken_promises = threads.map(lambda plan: _call(dispatcher, delays, *plan), plans)
            broken = [each for call in broken_promises for each in call]
        dispatcher.close()
        for digest in digests:
            kept = store.get(digest)
            if step_loop.finished(digest) and (kept is None or not _right(kept, digest)):
                broken.append(f"{digest}: rendered, and not in the store")
            if step_loop.finished(digest) > 1:
                broken.append(f"{digest}: rendered {step_loop.finished(digest)} times")
    paid = sum(BUDGET - client._level for client in clients) / SIZE**2
    if paid != step_loop.steps():
        broken.append(f"{step_loop.steps()} steps were made, and {paid} were paid")
    return [f"seed {seed}: {each}" for each in broken]


#: The races by step loop; each takes a seed and returns the promises that were broken.
RACES: dict[str, Callable[[int], list[str]]] = {
    "a thread for each render": functools.partial(race, thread_each),
    "the real step loop": functools.partial(race, real),
}


def _call(
    dispatcher: Dispatcher, delays: Delays, client: Account, digest: str, kind: float, leaving: float, durable: float
) -> list[str]:
    """Run one caller, and return its observations that break a promise."""
    cache = BYPASS if kind < 0.1 else ONLY if kind < 0.25 else USE
    woken = Event()
    delays()
    durably = durable < 0.3 and cache == USE
    wanted = request(
        steps=STEPS,
        seed=number(digest),
        digest=digest,
        cache=cache,
        request_id=str(uuid.uuid4()),
        background=durably,
        maker=MAKER.name,
    )
    subscription = dispatcher.submit(wanted, woken.set, client=client.owner, account=client, durable=durably)
    leaves_after = 1 + int(leaving * 10) if leaving < 0.4 else None
    ends: list[Any] = []
    received = 0
    until = time.monotonic() + PATIENCE_S
    while not ends:
        if not woken.wait(max(0.0, until - time.monotonic())):
            return [f"{digest}: a caller received nothing for {PATIENCE_S} s"]
        woken.clear()
        try:
            while (event := subscription.take()) is not None:
                received += 1
                if isinstance(event, Rendering):
                    ends.append(event)
                elif received == 1 and not isinstance(event, Accepted):
                    return [f"{digest}: {event!r} came before it was accepted"]
                elif received == leaves_after:
                    delays()
                    subscription.stop()
        except (Interrupted, NotStored, QueueFull, StoreWriteError) as refusal:
            ends.append(refusal)
    (end,) = ends
    if subscription.take() is not None:
        return [f"{digest}: something came after the end"]
    if isinstance(end, Rendering):
        return [] if _right(end, digest) else [f"{digest}: the wrong picture"]
    allowed = {Interrupted: leaves_after is not None, NotStored: cache == ONLY, QueueFull: cache != ONLY}
    return [] if allowed.get(type(end), False) else [f"{digest}: ended with {end!r}"]


def _right(rendering: Rendering, digest: str) -> bool:
    return rendering.spec_digest == digest and rendering.array.tobytes() == picture(digest).array.tobytes()
