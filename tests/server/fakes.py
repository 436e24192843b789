"""A fake ascent whose steps compute nothing, for tests of dispatcher, scheduler and step loop."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from reverie_ascent import Ascent, Outcome, Reached, Result, Run
from reverie_ascent.models.repository import Model
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.session import Device
from reverie_proto.v1 import spec_pb2, visualization_pb2
from reverie_server.limits import Limits
from reverie_server.request.events import Event
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.event_queue import EventQueue
from reverie_server.scheduler.render import Render
from reverie_server.scheduler.step_loop import StepLoop

SIZE = 16

#: How long a test waits for an event that must happen; much longer than it takes on a busy machine.
PATIENCE_S = 120


MODEL = cast(Model, SimpleNamespace(name="tiny", digest="m"))


def request(
    layer: str = "conv1_1",
    *,
    steps: int = 4,
    seed: int = 0,
    digest: str = "d",
    cache: visualization_pb2.CacheMode = visualization_pb2.CACHE_MODE_USE,
    request_id: str = "",
    background: bool = False,
    estimated_s: float | None = None,
    program_bytes: int = 0,
    maker: str = "",
) -> RenderRequest:
    """Return a request with the fields that dispatcher, scheduler and step loop use; each layer is another program."""
    png = spec_pb2.IMAGE_FORMAT_PNG
    return RenderRequest(
        model=MODEL,
        recipe=Recipe((Term("layer", layer),), (SIZE, SIZE), steps, 0.1, seed),
        effective=spec_pb2.RenderSpec(model="tiny"),
        digest=digest,
        format=png,
        frame_format=png,
        frame_steps=frozenset(),
        frame_size_px=SIZE,
        report_every=1,
        background=background,
        cache=cache,
        request_id=request_id,
        estimated_s=estimated_s,
        program_bytes=program_bytes,
        maker=maker,
    )


class FakeAscent:
    """A batch of places whose runs make steps without computing anything; the pixels of a picture are its seed.

    ``before`` is called before each step, with the runs that make it.
    """

    def __init__(self, places: int, before: Callable[[list[Run]], None]) -> None:
        self.runs: list[Run | None] = [None] * places
        self.before = before

    @property
    def free(self) -> list[int]:
        return [place for place, run in enumerate(self.runs) if run is None]

    def join(self, run: Run) -> int:
        assert run not in self.runs
        place = self.free[0]
        self.runs[place] = run
        return place

    def leave(self, place: int) -> None:
        assert self.runs[place] is not None
        self.runs[place] = None

    suspend = leave

    def step(self) -> list[Reached | Result]:
        running = [(place, run) for place, run in enumerate(self.runs) if run is not None]
        assert running
        self.before([run for _, run in running])
        results: list[Reached | Result] = []
        for place, run in running:
            run.history.append(float(run.steps))
            results.append(Reached(place, run.steps, run.history[-1]))
            if run.steps == run.recipe.steps:
                images = np.full((1, 3, SIZE, SIZE), run.recipe.seed / 1e6, np.float32)
                results.append(
                    Result(
                        place,
                        images,
                        1.0,
                        np.array(run.history, np.float32),
                        run.steps,
                        Outcome.CONVERGED,
                        "",
                        run.seed,
                    )
                )
                self.runs[place] = None
        return results


def nothing(*_: Any) -> None:
    """Do nothing."""


class ReadRender(Render):
    """A render of a step loop whose events one reader takes."""

    def __init__(self, step_loop: StepLoop, request: RenderRequest, wake: Callable[[], None]) -> None:
        super().__init__(request)
        self._step_loop = step_loop
        self._events = EventQueue(wake)

    def put(self, event: Event | BaseException) -> None:
        self._events.put(event)

    def notify(self) -> None:
        self._events.notify()

    def take(self) -> Event | None:
        return self._events.take()

    def stop(self) -> None:
        self._step_loop.stop(self)


def submit(
    step_loop: StepLoop,
    request: RenderRequest,
    wake: Callable[[], None] = nothing,
    *,
    client: str = "",
    deadline_s: float | None = None,
) -> ReadRender:
    """Submit a request to a step loop, with its priority; ``wake`` is called when there are new events."""
    render = ReadRender(step_loop, request, wake)
    step_loop.submit(render, client=client, background=request.background, deadline_s=deadline_s)
    return render


def placed(step_loop: StepLoop) -> list[Any]:
    """Return the renders of each batch by place."""
    return [batch.renders for batch in step_loop._state.programs if batch.renders]


def fake_step_loop(
    *,
    batch: int = 1,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    before: Callable[[list[Run]], None] = nothing,
    loading: Callable[[str], None] = nothing,
    **options: Any,
) -> StepLoop:
    """Return a step loop with fake programs; ``loading`` is called with the layer when a program would be built."""

    def load(request: RenderRequest) -> Ascent:
        loading(request.recipe.terms[0].layer)
        return cast(Ascent, FakeAscent(batch, before))

    return StepLoop(Device("cpu", (CPU.provider,), 1, batch=batch), limits, load=load, **options)
