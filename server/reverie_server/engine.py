"""Renders in this process: an engine joins the models, the queue of renders and the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event as ThreadEvent
from types import TracebackType
from typing import NoReturn, Self, Unpack

from reverie_ascent.maker import maker_of
from reverie_ascent.runtime import SharedThreads
from reverie_ascent.runtime.process import Origin, keep_in_children
from reverie_ascent.runtime.session import choose_device
from reverie_proto.names import check_options
from reverie_proto.v1 import catalog_pb2

from reverie_server.catalog import Catalog
from reverie_server.dispatch import Counts, Dispatcher, Subscription
from reverie_server.dispatch.event_stream import EventStream
from reverie_server.dispatch.subscription import Meter
from reverie_server.errors import Violation
from reverie_server.jobs.service import Jobs
from reverie_server.limits import MAX_BATCH, Limits
from reverie_server.observer import NO_OBSERVER, Observer
from reverie_server.request.events import Frame, Progress, Rendering
from reverie_server.request.options import RenderOptions, render_request
from reverie_server.request.render_request import RenderRequest, Request
from reverie_server.scheduler.quotas import EVERYBODY, Account, Accounts, no_bounds
from reverie_server.scheduler.stats import Stats
from reverie_server.scheduler.step_loop import StepLoop
from reverie_server.store import open_store

#: The value of `store` and `jobs` for none.
OFF = "off"


class Engine:
    """Renders in this process, with the same options as the service and to the same bytes.

    ::

        with Engine() as engine:
            rendering = engine.render("texture19", "conv4_3", 46, steps=512)
            rendering.save("conv4_3-46.png")

    `models` are folders that hold model folders, as `reverie export --out` writes them; if there are none, the engine
    serves the embedded model. `device` is "cpu", "cuda" or "auto". `threads` is the number of CPU threads of one step,
    by default one for each core that this process may use, or a `SharedThreads`.

    `exact` runs the graphs as they were exported, without the faster form that Reverie gives them for a CPU, and on a
    GPU without TF32. `bfloat16` is for GPUs and rounds the operands of convolutions. `batch` renders of one program
    share each step; the lowering plan has the default, which is one on a CPU. `plan` is that plan: the class of one
    that ships, such as "avx2", or "tuned" for the one that `reverie tune` made here, or a file; by default the one of
    this device's class. Another plan makes other pictures. `observer` receives what happens, for metrics. `accounts`
    returns the account of the client that made a job, which is charged for its pictures; by default nobody is.

    `store` keeps finished pictures, so that no picture is rendered twice: a folder, or an fsspec URL; by default there
    is none. `store_limit_bytes` bounds it; the default for a folder is 2 GiB. `jobs` is the file that holds jobs, whose
    results go to the store; by default there are no jobs. Unfinished jobs of an earlier engine continue at once.

    An engine changes no state of the process: not the threads of ONNX Runtime's other sessions, no signal handler, no
    setting of logging or warnings. It belongs to the process that made it: after a fork, every call in the child but
    `close` raises ForkedProcess. It cannot be pickled or copied; what its calls return and raise can.

    Calls may come from any thread. Renders take turns on the device, and simultaneous requests for one picture share a
    render. A request that cannot be served raises a `Fault`. The constructor raises ModelError, DeviceUnavailable,
    UnusablePlan or UnusableStore if the models, the device, the plan or the store cannot be used.
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
        observer: Observer = NO_OBSERVER,
        accounts: Accounts = no_bounds,
    ) -> None:
        if batch is not None and not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch {batch} is not in 1..{MAX_BATCH}")
        plan_name = None if plan is None else str(plan)
        chosen = choose_device(device, threads=threads, exact=exact, bfloat16=bfloat16, plan=plan_name)
        chosen = replace(chosen, batch=batch or chosen.batch)
        #: All that decides the bytes of the pictures made here: pictures of one maker are equal to the last bit.
        self.maker = maker_of(chosen)
        #: The bounds that this engine keeps to.
        self.limits = limits = replace(limits, max_batch=chosen.batch)
        self._origin = Origin("an Engine")
        self._catalog = Catalog(models, limits)
        results = open_store(str(store), self.maker, limit_bytes=store_limit_bytes)
        self._step_loop = StepLoop(chosen, limits, observer)
        keep_in_children(self._step_loop)
        self._dispatcher = Dispatcher(self._step_loop, results)
        self._jobs = Jobs(str(jobs), self._dispatcher, self.check, self.layers, limits, accounts)

    @property
    def jobs(self) -> Jobs:
        """The jobs: requests for many pictures, which are made one after the other."""
        self._origin.check()
        return self._jobs

    def verify(self) -> None:
        """Check every file of every model; those that are broken are not served, and listed with their problem.

        Raises ModelError if no model is left.

        Without this call each file is checked before its first use.
        """
        self._origin.check()
        self._catalog.verify()

    # ----- the catalog -----

    def info(self) -> catalog_pb2.ServerInfo:
        """Version, device, presets and limits."""
        self._origin.check()
        return self._catalog.info(self._step_loop.device, self.maker)

    def models(self) -> list[catalog_pb2.Model]:
        """The models, by name."""
        self._origin.check()
        return self._catalog.models()

    def layers(self, model: str) -> list[catalog_pb2.Layer]:
        """The layers of a model, from the picture upwards; raises NotServed if there is no such model."""
        self._origin.check()
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

        The options are those of `RenderOptions`. An exception in the call, including Ctrl-C, stops the render.
        """
        check_options("render", options, RenderOptions.__annotations__)
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
    ) -> EventStream:
        """Render as `render` does, and yield events: one Accepted, any number of Progress, one Rendering.

        This call checks the request and queues the render. Leaving the loop over the events stops the render, and so
        does dropping the iterator without a loop; `close` stops it too.
        """
        request, unread = self._check(*render_request(model, layer, channel, options)), ThreadEvent()
        return EventStream(self.submit(request, unread.set), unread, self._origin)

    def check(self, request: Request, *, call: str = "") -> RenderRequest:
        """Check a request and fill in its defaults; raise InvalidRequest or NotServed with all violations.

        `call` is the request id in the log records of the render.
        """
        return self._check(request, call=call)

    def _check(self, request: Request, wrong: Sequence[Violation] = (), *, call: str = "") -> RenderRequest:
        self._origin.check()
        checked = self._catalog.check(request, wrong, call=call)
        return self._step_loop.estimated(replace(checked, maker=self.maker.name))

    def submit(
        self,
        request: RenderRequest,
        wake: Callable[[], None],
        *,
        client: str = "",
        account: Account = EVERYBODY,
        deadline_s: float | None = None,
        meter: Meter | None = None,
    ) -> Subscription:
        """Queue a request; `wake` is called, from other threads, when the returned subscription has events to read.

        The subscription yields the picture, from the store or the device, or raises an error: QueueFull if too many
        renders wait, TooLate if the picture is unlikely to be done in `deadline_s` seconds, QuotaExceeded if the
        `account` has used up its quota. Clients share the device fairly. `meter` counts the pictures that wait for the
        caller.

        Raises InvalidRequest if the request id was used for another spec, and Draining after `close`.
        """
        self._origin.check()
        return self._dispatcher.submit(
            request, wake, client=client, account=account, deadline_s=deadline_s, meter=meter
        )

    def warm(self, layers: Iterable[str]) -> None:
        """Load the programs that render channels of some layers, each named MODEL/LAYER, with default options.

        Raises NotServed for a layer that is not served, and InvalidRequest if there is no memory for a program.
        """
        self._origin.check()
        for name in layers:
            model, _, layer = name.partition("/")
            self._step_loop.warm(self._check(*render_request(model, layer, 0, {})))

    def stats(self) -> Stats:
        """What the device has done so far, and how many renders wait and run."""
        self._origin.check()
        return self._step_loop.stats()

    def counts(self) -> Counts:
        """How many requests were answered from the store, by a shared render or by a new one."""
        self._origin.check()
        return self._dispatcher.counts()

    def close(self) -> None:
        """Stop all renders before their next step, and wait until the device is idle and finished results are stored.

        In a child process that was forked from the engine's process the call does nothing.
        """
        if not self._origin.is_here:
            return
        self._jobs.close()
        self._dispatcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an Engine holds threads and a device, so it cannot be pickled or copied; make one in each process, or"
            " start `reverie serve` and give each process a reverie.Client"
        )
