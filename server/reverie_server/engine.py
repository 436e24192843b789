"""Rendering in this process: the models, the device, and a queue of renders in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event as News
from types import TracebackType
from typing import Self, Unpack

from reverie_ascent.maker import maker_of
from reverie_ascent.runtime import SharedThreads
from reverie_ascent.runtime.process import Origin
from reverie_ascent.runtime.session import choose_device
from reverie_proto.v1 import catalog_pb2

from reverie_server.catalog import Catalog
from reverie_server.dispatch import Counts, Dispatcher, Subscription
from reverie_server.errors import Violation
from reverie_server.jobs.service import Jobs
from reverie_server.limits import MAX_BATCH, Limits
from reverie_server.observer import NOBODY, Observer
from reverie_server.request.events import Event, Frame, Progress, Rendering
from reverie_server.request.options import RenderOptions, render_request
from reverie_server.request.render_request import RenderRequest, Request
from reverie_server.scheduler.stats import Stats
from reverie_server.scheduler.step_loop import StepLoop
from reverie_server.store import open_store

#: As a store: none.
OFF = "off"


class Engine:
    """Renders in this process what the service renders for its clients, in the same words and to the same bytes.

    ::

        with Engine() as engine:
            rendering = engine.render("texture19", "conv4_3", 17, steps=512)
            rendering.save("conv4_3-17.png")

    `models` are folders that hold model folders, as `reverie export --out` writes them; without any, the embedded model
    is served. `device` is "cpu", "cuda" or "auto"; `threads` is the number of CPU threads of one step, by default one
    for each core that this process may use, or a `SharedThreads`.
    `exact` computes by the graphs as they were exported, without the faster ones that Reverie makes of them for a CPU,
    and on a GPU without TF32; `bfloat16` is for GPUs, and rounds the operands of convolutions. `batch` renders of one
    program share each step; by default as many as the lowering plan says, which on a CPU is one. `plan` is that plan:
    the class of one that ships, such as "avx2", "tuned" for what `reverie tune` found here, or a file; by default the
    one of this device's class. Another plan makes other pictures. `observer` is told what happens, for metrics.

    `store` keeps finished pictures, so that no picture is rendered twice: a folder, or an fsspec URL; by default there
    is none. `store_limit_bytes` bounds it: a folder to 2 GiB unless told otherwise. `jobs` is the file that remembers
    jobs, whose results go to the store; by default there are none. A job that is left unfinished goes on at once.

    Nothing of the process is changed: not the threads of ONNX Runtime's other sessions, no signal handler, no setting
    of logging or warnings. An engine belongs to the process that made it: after a fork, calls in the child that need
    its threads raise ForkedProcess.

    Calls may come from any thread; renders take turns on the device, and requests for one picture at the same time
    share its render. A `Fault` says what is wrong with a request; ModelError, DeviceUnavailable, UnusablePlan or
    UnusableStore, from the constructor, what is wrong with the models, the device, the plan or the store.
    """

    def __init__(
        self,
        models: Sequence[str | Path] | None = None,
        *,
        device: str = "auto",
        threads: int | SharedThreads | None = None,
        exact: bool = False,
        bfloat16: bool = False,
        batch: int | None = None,
        plan: str | Path | None = None,
        store: str | Path = OFF,
        store_limit_bytes: int | None = None,
        jobs: str | Path = OFF,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        observer: Observer = NOBODY,
    ) -> None:
        if batch is not None and not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch {batch} is not in 1..{MAX_BATCH}")
        asked = None if plan is None else str(plan)
        chosen = choose_device(device, threads=threads, exact=exact, bfloat16=bfloat16, plan=asked)
        chosen = replace(chosen, batch=batch or chosen.batch)
        #: What makes the pictures here: those of one maker are equal to the last bit.
        self.maker = maker_of(chosen)
        limits = replace(limits, max_batch=chosen.batch)
        self._origin = Origin("an Engine")
        self._catalog = Catalog(models, limits)
        opened = open_store(str(store), self.maker, limit_bytes=store_limit_bytes)
        self._step_loop = StepLoop(chosen, limits, observer)
        self._dispatcher = Dispatcher(self._step_loop, opened)
        self.jobs = Jobs(str(jobs), self._dispatcher, self.check, self.layers, limits)

    def verify(self) -> None:
        """Check every file of every model against its digest; raise ModelError for the first that differs.

        Without it each file is checked before its first use.
        """
        self._catalog.verify()

    # ----- what is here -----

    def info(self) -> catalog_pb2.ServerInfo:
        """Version, device, presets and limits."""
        return self._catalog.info(self._step_loop.device, self.maker)

    def models(self) -> list[catalog_pb2.Model]:
        """The models, by name."""
        return self._catalog.models()

    def layers(self, model: str) -> list[catalog_pb2.Layer]:
        """The layers of a model, from the picture upwards; NotServed when there is no such model."""
        return self._catalog.layers(model)

    # ----- rendering -----

    def render(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[RenderOptions],
    ) -> Rendering:
        """The picture that excites a channel of a layer most; `channel` may be the label of a class.

        The options are those of `RenderOptions`. Leaving by an exception, Ctrl-C included, stops the render.
        """
        frames: list[Frame] = []
        for event in self.stream(model, layer, channel, **options):
            if isinstance(event, Progress) and event.frame is not None:
                frames.append(event.frame)
        assert isinstance(event, Rendering)
        return replace(event, frames=tuple(frames))

    def stream(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[RenderOptions],
    ) -> Iterator[Event]:
        """The same as `render`, as events: one Accepted, any number of Progress, one Rendering.

        The request is checked, and the render waits for the device, from this call on; leaving the loop stops it.
        """
        request, news = self._check(*render_request(model, layer, channel, options)), News()
        return _events(self.submit(request, news.set), news)

    def check(self, request: Request, *, call: str = "") -> RenderRequest:
        """Check a request and fill in its defaults; InvalidRequest or NotServed names all that is wrong with it.

        `call` is the name under which the log tells of the render.
        """
        return self._check(request, call=call)

    def _check(self, request: Request, wrong: Sequence[Violation] = (), *, call: str = "") -> RenderRequest:
        self._origin.check()
        checked = self._catalog.check(request, wrong, call=call)
        return self._step_loop.estimated(replace(checked, maker=self.maker.name))

    def submit(
        self, request: RenderRequest, wake: Callable[[], None], *, client: str = "", deadline_s: float | None = None
    ) -> Subscription:
        """Render what a request asks for; `wake` is called, from other threads, whenever there is something to read.

        The subscription brings the picture, from the store or the device, or what was wrong: QueueFull, if too many
        renders wait already, TooLate, if the picture can hardly be done in `deadline_s` seconds. Clients share the
        device fairly. Raises InvalidRequest if the request id stands for another spec, and Draining after `close`.
        """
        self._origin.check()
        return self._dispatcher.submit(request, wake, client=client, deadline_s=deadline_s)

    def warm(self, layers: Iterable[str]) -> None:
        """Load the programs of channels of some layers, each named MODEL/LAYER, with all else left to its default.

        Raises InvalidRequest or NotServed for what cannot be rendered, or finds no room beside the others.
        """
        for name in layers:
            model, _, layer = name.partition("/")
            self._step_loop.warm(self._check(*render_request(model, layer, 0, {})))

    def stats(self) -> Stats:
        """What the device has done so far, and what it has to do."""
        self._origin.check()
        return self._step_loop.stats()

    def counts(self) -> Counts:
        """How requests were answered so far: from the store, together, or by rendering."""
        self._origin.check()
        return self._dispatcher.counts()

    def close(self) -> None:
        """Stop all renders before their next step, and wait until the device is idle and the store has its results.

        In a child that was forked from the engine's process there is nothing to stop.
        """
        if not self._origin.is_here:
            return
        self.jobs.close()
        self._dispatcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _events(subscription: Subscription, news: News) -> Iterator[Event]:
    try:
        while True:
            news.wait()
            news.clear()
            while (event := subscription.take()) is not None:
                yield event
                if isinstance(event, Rendering):
                    return
    finally:
        subscription.stop()
