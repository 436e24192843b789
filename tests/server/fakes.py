"""A device whose steps cost nothing, for tests of what surrounds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from reverie_ascent import Ascent, Outcome, Reached, Result, Run
from reverie_ascent.runtime.session import CPU, Device
from reverie_proto.v1 import visualization_pb2
from reverie_server.catalog import Catalog
from reverie_server.limits import Limits
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.step_loop import Worker

SIZE = 16


class Orders:
    """Makes orders for the tiny model."""

    def __init__(self, models: Path) -> None:
        self._catalog = Catalog([models], Limits())

    def __call__(
        self,
        layer: str = "conv1_1",
        *,
        steps: int = 4,
        seed: int = 0,
        background: bool = False,
        estimated_s: float | None = None,
        program_bytes: int = 0,
    ) -> RenderRequest:
        request = visualization_pb2.StreamRenderRequest(progress_every_steps=1)
        request.spec.model, request.spec.objective.channel.layer = "tiny", layer
        request.spec.size_px, request.spec.steps, request.spec.seed = SIZE, steps, seed
        if background:
            request.priority = visualization_pb2.PRIORITY_BATCH
        order = self._catalog.check(request)
        return dataclasses.replace(order, estimated_s=estimated_s, program_bytes=program_bytes)


class FakeAscent:
    """Places, and runs in them that make steps without computing anything; a picture holds its seed.

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
        told: list[Reached | Result] = []
        for place, run in running:
            run.history.append(float(run.steps))
            told.append(Reached(place, run.steps, run.history[-1]))
            if run.steps == run.recipe.steps:
                image = np.full((3, SIZE, SIZE), run.recipe.seed / 1e6, np.float32)
                told.append(
                    Result(place, image, 1.0, np.array(run.history, np.float32), run.steps, Outcome.CONVERGED, "")
                )
                self.runs[place] = None
        return told


def nothing(*_: Any) -> None:
    """Do nothing."""


def fake_worker(
    *,
    batch: int = 1,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    before: Callable[[list[Run]], None] = nothing,
    loading: Callable[[str], None] = nothing,
    **options: Any,
) -> Worker:
    """A worker whose programs are fakes; ``loading`` is called, with the layer, where one would be built."""

    def load(request: RenderRequest) -> Ascent:
        loading(request.recipe.terms[0].layer)
        return cast(Ascent, FakeAscent(batch, before))

    return Worker(Device("cpu", (CPU,), 1, batch=batch), limits, load=load, **options)
