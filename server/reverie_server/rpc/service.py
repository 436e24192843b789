"""reverie.v1 over an engine: the wire's half of every call, and nothing of the work."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from reverie_proto.v1 import spec_pb2, visualization_pb2

from reverie_server.engine import Engine
from reverie_server.errors import Draining
from reverie_server.request import images, paging
from reverie_server.request.events import Accepted, Event, Frame, Progress, Rendering
from reverie_server.request.render_request import Order, Request
from reverie_server.rpc import caller as callers
from reverie_server.rpc.jobs import JobCalls
from reverie_server.rpc.status import reported

if TYPE_CHECKING:
    from reverie_server.dispatch import Ticket


class VisualizationService(JobCalls):
    """The servicer. Belongs to one event loop.

    Handlers are coroutines that write, not generators: cancelling a call then always lands inside of them.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine
        self._calls: dict[asyncio.Task[object], Ticket] = {}

    @reported
    async def GetServerInfo(
        self, request: visualization_pb2.GetServerInfoRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.GetServerInfoResponse:
        """Version, device, presets and limits."""
        return visualization_pb2.GetServerInfoResponse(info=self._engine.info())

    @reported
    async def ListModels(
        self, request: visualization_pb2.ListModelsRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.ListModelsResponse:
        """The models served here, by name."""
        models, token = paging.page(self._engine.models(), request, scope="models")
        return visualization_pb2.ListModelsResponse(models=models, next_page_token=token)

    @reported
    async def ListLayers(
        self, request: visualization_pb2.ListLayersRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.ListLayersResponse:
        """The layers of a model, from the picture upwards, a page at a time."""
        layers, token = paging.page(self._engine.layers(request.model), request, scope=f"layers of {request.model}")
        return visualization_pb2.ListLayersResponse(layers=layers, next_page_token=token)

    @reported
    async def RenderImage(
        self, request: visualization_pb2.RenderImageRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.RenderImageResponse:
        """One picture, when it is done."""
        frames: list[spec_pb2.Frame] = []
        async with self._rendering(request, context) as (order, events):
            async for event in events:
                if isinstance(event, Accepted):
                    await context.send_initial_metadata(())  # from here on no gRPC client repeats the call by itself
                elif isinstance(event, Progress) and event.frame is not None:
                    frames.append(await asyncio.to_thread(_frame, order, event.frame))
                elif isinstance(event, Rendering):
                    rendering = await asyncio.to_thread(event.message, order.format)
        rendering.frames.extend(frames)
        return visualization_pb2.RenderImageResponse(rendering=rendering)

    @reported
    async def StreamRender(
        self, request: visualization_pb2.StreamRenderRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """One picture, with progress on the way: one `accepted`, any number of `progress`, one `result`."""
        async with self._rendering(request, context) as (order, events):
            async for event in events:
                await context.write(await _written(order, event))

    @asynccontextmanager
    async def _rendering(
        self, request: Request, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[tuple[Order, AsyncGenerator[Event, None]]]:
        """Render while the block lasts: leaving it, however that happens, stops the render before its next step."""
        if self._draining:
            raise Draining
        order = await asyncio.to_thread(self._engine.order, request)
        if self._draining:
            raise Draining  # it began meanwhile
        with callers.charged(order.pixel_steps):
            async with self._submitted(order, context) as events:
                yield order, events

    @asynccontextmanager
    async def _submitted(
        self, order: Order, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[AsyncGenerator[Event, None]]:
        rung = asyncio.Event()
        bell, client = self._bells.bell(rung), _client(context)
        render = self._engine.submit(order, bell, client=client, deadline_s=context.time_remaining())
        task = asyncio.current_task()
        assert task is not None
        self._calls[task] = render
        task.add_done_callback(self._calls.pop)
        try:
            async with aclosing(_events(render, rung)) as events:
                yield events
        finally:
            render.stop()

    async def drain(self, grace_s: float) -> None:
        """Refuse new renders, let those that were accepted finish within the grace, then stop the rest."""
        self._draining = True
        self.end_watches()
        await asyncio.to_thread(self._engine.jobs.stop)
        if self._calls:
            await asyncio.wait(self._calls, timeout=grace_s)
        self.interrupt()
        if self._calls:
            await asyncio.wait(self._calls, timeout=5)

    def interrupt(self) -> None:
        """Stop every render before its next step."""
        for render in self._calls.values():
            render.stop()


def _client(context: grpc.aio.ServicerContext) -> str:
    """Return whom a render is for: a known caller, or a machine."""
    return callers.current().name or callers.machine(context.peer() or "")


async def _events(render: Ticket, rung: asyncio.Event) -> AsyncGenerator[Event, None]:
    while True:
        rung.clear()
        while (event := render.take()) is not None:
            yield event
            if isinstance(event, Rendering):
                return
        await rung.wait()


# ----- from the core's words to the wire's -----


async def _written(order: Order, event: Event) -> visualization_pb2.StreamRenderResponse:
    """Return the reply: in a thread where a picture is encoded, at once where that takes less than the way there."""
    if isinstance(event, Rendering) or (isinstance(event, Progress) and event.frame is not None):
        return await asyncio.to_thread(_reply, order, event)
    return _reply(order, event)


def _reply(order: Order, event: Event) -> visualization_pb2.StreamRenderResponse:
    if isinstance(event, Accepted):
        accepted = visualization_pb2.Accepted(
            effective_spec=event.spec,
            spec_digest=event.spec_digest,
            estimated_s=event.estimated_s,
            queue_position=event.queue_position,
            cached=event.cached,
        )
        return visualization_pb2.StreamRenderResponse(accepted=accepted)
    if isinstance(event, Rendering):
        return visualization_pb2.StreamRenderResponse(result=event.message(order.format))
    progress = visualization_pb2.Progress(
        step=event.step,
        steps=event.steps,
        objective=event.objective,
        elapsed_s=event.elapsed_s,
        estimated_remaining_s=event.estimated_remaining_s,
        frame=None if event.frame is None else _frame(order, event.frame),
        queue_position=event.queue_position,
    )
    return visualization_pb2.StreamRenderResponse(progress=progress)


def _frame(order: Order, frame: Frame) -> spec_pb2.Frame:
    return spec_pb2.Frame(step=frame.step, image=images.message(frame.array, order.frame_format))
