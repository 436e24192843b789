"""Rendering in this process: the models, the device, and a queue of renders in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event as Bell
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from reverie_proto.v1 import catalog_pb2

from reverie_server import order as orders
from reverie_server import words
from reverie_server.events import Event, Frame, Progress, Rendering
from reverie_server.limits import Limits
from reverie_server.observer import NOBODY, Observer
from reverie_server.order import Order
from reverie_server.render import Render
from reverie_server.words import Words

if TYPE_CHECKING:
    from reverie_server.worker import Stats


class Engine:
    """Renders in this process what the service renders for its clients, in the same words and to the same bytes.

    ::

        with Engine() as engine:
            rendering = engine.render("texture19", "conv4_3", 17, steps=512)
            rendering.save("conv4_3-17.png")

    `models` are folders that hold model folders, as `reverie export --out` writes them; without any, the embedded model
    is served. `device` is "cpu", "cuda" or "auto"; `threads` bounds the CPU threads of one step, for the whole process.
    `exact` computes by the graphs as they were exported, without the faster ones that Reverie makes of them for a CPU,
    and on a GPU without TF32; `bfloat16` is for GPUs, and rounds the operands of convolutions. `observer` is told what
    happens, for metrics.

    Calls may come from any thread; one render at a time has the device, the others wait in order. A `Fault` says what
    is wrong with a request; StoreError or DeviceUnavailable, from the constructor, what is wrong with the models or the
    device.
    """

    def __init__(
        self,
        models: Sequence[str | Path] | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        exact: bool = False,
        bfloat16: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        observer: Observer = NOBODY,
    ) -> None:
        # Loaded here, because this module is also imported to print the help of `reverie`.
        from reverie_server.catalog import Catalog
        from reverie_server.runtime import choose_device
        from reverie_server.worker import Worker

        self._catalog = Catalog(models, limits)
        self._worker = Worker(choose_device(device, threads=threads, exact=exact, bfloat16=bfloat16), limits, observer)

    def verify(self) -> None:
        """Check every file of every model against its digest; raise StoreError for the first that differs.

        Without it each file is checked before its first use.
        """
        self._catalog.verify()

    # ----- what is here -----

    def info(self) -> catalog_pb2.ServerInfo:
        """Version, device, presets and limits."""
        return self._catalog.info(self._worker.device)

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
        **options: Unpack[Words],
    ) -> Rendering:
        """The picture that excites a channel of a layer most; `channel` may be the label of a class.

        The options are those of `words.Words`. Leaving by an exception, Ctrl-C included, stops the render.
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
        **options: Unpack[Words],
    ) -> Iterator[Event]:
        """The same as `render`, as events: one Accepted, any number of Progress, one Rendering.

        The request is checked, and the render waits for the device, from this call on; leaving the loop stops it.
        """
        request, wrong = words.request(model, layer, channel, options)
        order, bell = self._worker.estimated(self._catalog.order(request, wrong)), Bell()
        return _events(self.submit(order, bell.set), bell)

    def order(self, request: orders.Request) -> Order:
        """Check a request and fill in its defaults; InvalidRequest or NotServed names all that is wrong with it."""
        return self._worker.estimated(self._catalog.order(request))

    def submit(self, order: Order, bell: Callable[[], None]) -> Render:
        """Let an order wait for the device; `bell` is called from its thread whenever the render has something to say.

        Raises QueueFull when too many wait already.
        """
        return self._worker.submit(order, bell)

    def stats(self) -> Stats:
        """What the device has done so far, and what it has to do."""
        return self._worker.stats()

    def close(self) -> None:
        """Stop all renders before their next step, and wait until the device is idle."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _events(render: Render, bell: Bell) -> Iterator[Event]:
    try:
        while True:
            bell.wait()
            bell.clear()
            while (event := render.take()) is not None:
                yield event
                if isinstance(event, Rendering):
                    return
    finally:
        render.stop()
