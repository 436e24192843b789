"""The thread that computes: one for the device, which renders what is asked for in the order in which it was asked."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from reverie_server import images
from reverie_server.ascent import Result, Step, Stopped, ascend
from reverie_server.estimate import Estimates
from reverie_server.events import Accepted, Frame, Progress, Rendering
from reverie_server.faults import Draining, Interrupted, QueueFull
from reverie_server.limits import Limits
from reverie_server.observer import NOBODY, Observer
from reverie_server.order import Order
from reverie_server.program import Program, build, program_key
from reverie_server.render import Render
from reverie_server.runtime import Device
from reverie_server.spec import Plan

log = logging.getLogger(__name__)

#: Programs that stay loaded, each with its session's memory.
MAX_PROGRAMS = 4


@dataclass(frozen=True)
class Stats:
    """What the device has done so far, and what it has to do."""

    steps: int = 0
    #: Steps that ended after their render had been told to stop: at most the one in progress.
    late_steps: int = 0
    finished: int = 0
    stopped: int = 0
    failed: int = 0
    waiting: int = 0
    running: int = 0


class Worker:
    """Renders one after the other in a thread of its own."""

    def __init__(self, device: Device, limits: Limits, observer: Observer = NOBODY) -> None:
        self.device = device
        self._observer = observer
        self._limits = limits
        # At the interpreter's exit an executor waits for its thread; a daemon thread would die inside of ONNX Runtime.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="reverie-render")
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._estimates = Estimates(device)
        self._lock = Lock()
        self._live: set[Render] = set()
        self._running: Render | None = None
        self._done = Stats()
        self._closed = False

    def estimated(self, order: Order) -> Order:
        """Return an order with what it will take."""
        return replace(order, estimated_s=self._estimates.seconds(order.plan))

    def submit(self, order: Order, bell: Callable[[], None]) -> Render:
        """Take an order; raise QueueFull when too many wait, Draining after `close`."""
        with self._lock:
            if self._closed:
                raise Draining
            waiting = self._waiting()
            if waiting >= self._limits.max_waiting_renders:
                raise QueueFull(waiting)
            render = Render(order, bell)
            self._live.add(render)
            render.mailbox.post(Accepted(order.plan.effective, order.plan.digest, order.estimated_s))
            render.future = self._executor.submit(self._run, render)
        render.future.add_done_callback(lambda _: self._forget(render))
        return render

    def stats(self) -> Stats:
        """Return the counts at this moment."""
        with self._lock:
            return replace(self._done, waiting=self._waiting(), running=int(self._running is not None))

    def close(self) -> None:
        """Stop every render before its next step, and wait until the device is idle."""
        with self._lock:
            self._closed = True
            live = list(self._live)
        for render in live:
            render.stop()
        self._executor.shutdown(wait=True)
        self._programs.clear()

    def _waiting(self) -> int:
        """Count all but one, which runs or is about to."""
        return max(0, len(self._live) - 1)

    def _forget(self, render: Render) -> None:
        with self._lock:
            self._live.discard(render)

    def _count(self, **more: int) -> None:
        """Add to the counts; the lock is held."""
        self._done = replace(self._done, **{name: getattr(self._done, name) + n for name, n in more.items()})

    # ----- in the thread -----

    def _run(self, render: Render) -> None:
        with self._lock:
            self._running = render
        what, begun = _described(render.order), time.perf_counter()
        try:
            rendering = self._render(render)
        except Stopped:
            self._observer.rendered("stopped", time.perf_counter() - begun)
            log.info("stopped before its end: %s", what)
            self._finish(render, Interrupted(), stopped=1)
        except BaseException as error:
            self._observer.rendered("failed", time.perf_counter() - begun)
            log.info("failed: %s", what)
            self._finish(render, error, failed=1)
        else:
            self._observer.rendered(rendering.outcome, rendering.elapsed_s)
            log.info("%s in %.2f s: %s", rendering.outcome, rendering.elapsed_s, what)
            self._finish(render, rendering, finished=1)

    def _finish(self, render: Render, end: Rendering | BaseException, **count: int) -> None:
        with self._lock:
            self._running = None
            self._live.discard(render)
            self._count(**count)
        render.mailbox.post(end)

    def _render(self, render: Render) -> Rendering:
        order, recipe = render.order, render.order.plan.recipe
        started = time.perf_counter()
        if render.stopped():
            raise Stopped
        program = self._program(order.plan)
        began = stepped = time.perf_counter()
        self._observer.waited(began - render.accepted)
        ascent = ascend(program, [recipe], frames=lambda _, step: step in order.frame_steps, stop=render.stopped)
        with closing(ascent):
            for said in ascent:
                if isinstance(said, Result):
                    self._estimates.learn(order.plan, (time.perf_counter() - began) / max(1, said.steps))
                    return _rendering(order, said, time.perf_counter() - started)
                if said.index > 0:  # 0 is the first noise, and no step
                    before, stepped = stepped, time.perf_counter()
                    self._observer.stepped(stepped - before, 1)
                    with self._lock:
                        self._count(steps=1, late_steps=int(render.stopped()))
                frame = _frame(order, said)
                if frame is not None or said.index % order.report_every == 0:
                    now = time.perf_counter()
                    render.mailbox.post(_progress(order, said, frame, now - started, now - began))
        raise AssertionError("an ascent ends with a result")

    def _program(self, plan: Plan) -> Program:
        key = (plan.model.digest, program_key(plan.recipe))
        if (program := self._programs.pop(key, None)) is None:
            begun = time.perf_counter()
            while len(self._programs) >= MAX_PROGRAMS:
                self._programs.popitem(last=False)
            program = build(plan.model, plan.recipe, batch=1, device=self.device)
            took = time.perf_counter() - begun
            self._observer.built(took)
            log.info("built a program for %s in %.2f s", _described_program(plan), took)
        self._programs[key] = program
        return program


def _frame(order: Order, step: Step) -> Frame | None:
    if not step.images:
        return None
    (image,) = step.images.values()
    return Frame(step.index, images.shrink(_picture(image), order.frame_size_px))


def _progress(order: Order, step: Step, frame: Frame | None, elapsed_s: float, ascending_s: float) -> Progress:
    steps = order.plan.recipe.steps
    return Progress(
        step=step.index,
        steps=steps,
        objective=float(step.objective[0]),
        elapsed_s=elapsed_s,
        estimated_remaining_s=ascending_s / max(1, step.index) * (steps - step.index),
        frame=frame,
    )


def _rendering(order: Order, result: Result, elapsed_s: float) -> Rendering:
    return Rendering(
        array=_picture(result.image),
        outcome=result.outcome.name.lower(),
        outcome_detail=result.detail,
        activation=result.activation,
        history=result.history,
        steps=result.steps,
        spec=order.plan.effective,
        spec_digest=order.plan.digest,
        frames=(),
        elapsed_s=elapsed_s,
    )


def _picture(image: npt.NDArray[np.float32]) -> images.Picture:
    """Return the core's [3, height, width] as [height, width, 3]."""
    return np.ascontiguousarray(image.transpose(1, 2, 0))


# ----- for the log -----


def _described(order: Order) -> str:
    plan = order.plan
    return f"{_described_program(plan)}, {plan.recipe.steps} steps, digest {plan.digest[:12]}"


def _described_program(plan: Plan) -> str:
    layers = "+".join(dict.fromkeys(term.layer for term in plan.recipe.terms))
    return f"{plan.model.name} {layers} at {plan.recipe.size} px"
