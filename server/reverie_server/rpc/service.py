"""The methods of `reverie.v1` that render: they pass requests to the engine and send its events to the caller."""

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
from reverie_server.request import images
from reverie_server.request.events import Accepted, Event, Frame, Progress, Rendering
from reverie_server.request.render_request import RenderRequest, Request
from reverie_server.rpc import request_id
from reverie_server.rpc.caller import current_caller
from reverie_server.rpc.loop_events import LoopEvents
from reverie_server.rpc.replies import Kept, Replies, client_of
from reverie_server.rpc.status import rpc_method

if TYPE_CHECKING:
    from reverie_server.dispatch import Subscription


class RenderServicer:
    """Renders for callers until drained. Belongs to one event loop.

    Handlers are coroutines that write, not generators, so that cancelling a call always raises inside the handler.
    """

    def __init__(self, engine: Engine, replies: Replies) -> None:
        self._engine = engine
        self.replies = replies
        self._draining = False
        self._loop_events = LoopEvents()
        self._calls: dict[asyncio.Task[object], Subscription] = {}

    @rpc_method
    async def RenderImage(
        self, request: visualization_pb2.RenderImageRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.RenderImageResponse:
        """One picture, sent when it is done."""
        frames: list[spec_pb2.Frame] = []
        async with self._rendering(request, context) as (checked, events):
            async for event in events:
                if isinstance(event, Accepted):
                    await context.send_initial_metadata(())  # after this no gRPC client retries the call automatically
                elif isinstance(event, Progress) and event.frame is not None:
                    frames.append(await asyncio.to_thread(_frame, checked, event.frame))
                    await self.replies.keep(context, frames[-1].ByteSize())
                elif isinstance(event, Rendering):
                    rendering = await asyncio.to_thread(event.message, checked.format)
                    break  # its room is kept until the reply is read
        rendering.frames.extend(frames)
        return visualization_pb2.RenderImageResponse(rendering=rendering)

    @rpc_method
    async def StreamRender(
        self, request: visualization_pb2.StreamRenderRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """One picture and its progress: one `accepted`, any number of `progress`, one `result`."""
        async with self._rendering(request, context) as (checked, events):
            await context.send_initial_metadata(())  # a status can be sent after a message that is never read
            async for event in events:
                await self.replies.write(context, await _encoded(checked, event))

    @asynccontextmanager
    async def _rendering(
        self, request: Request, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[tuple[RenderRequest, AsyncGenerator[Event, None]]]:
        """Render while the block lasts; leaving it, also by an exception, stops the render before its next step."""
        if self._draining:
            raise Draining
        checked = await asyncio.to_thread(self._engine.check, request, call=request_id.current())
        if self._draining:
            raise Draining  # draining began while the request was checked
        async with self._submitted(checked, context) as events:
            yield checked, events

    @asynccontextmanager
    async def _submitted(
        self, checked: RenderRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[AsyncGenerator[Event, None]]:
        unread = asyncio.Event()
        wake, client = self._loop_events.setter(unread), client_of(context)
        stored = (
            await self.replies.keep(context, checked.picture_count * _room(checked.picture_shape, checked.format))
            if checked.looks_up
            else None
        )
        meter = self.replies.meter(context, lambda: subscription.overflow())
        subscription = self._engine.submit(
            checked,
            wake,
            client=client,
            account=current_caller().account,
            deadline_s=context.time_remaining(),
            meter=meter,
        )
        task = asyncio.current_task()
        assert task is not None
        self._calls[task] = subscription
        task.add_done_callback(self._calls.pop)
        try:
            async with aclosing(self._events(checked, subscription, unread, context, stored)) as events:
                yield events
        finally:
            subscription.stop()
            self.replies.memory.streams.remove(meter)

    async def _events(
        self,
        checked: RenderRequest,
        subscription: Subscription,
        unread: asyncio.Event,
        context: grpc.aio.ServicerContext,
        stored: Kept | None,
    ) -> AsyncGenerator[Event, None]:
        """Yield the events, each picture when there is room to encode and send it; `stored` is that of a stored one."""
        while True:
            unread.clear()
            while (head := subscription.events.head()) is not None:
                room = _room_for(checked, head)
                kept = await self.replies.keep(context, room) if room else None
                event = subscription.take()
                if event is None:
                    break
                if stored is not None and isinstance(event, Accepted) and not event.cached:
                    stored.release()
                yield event
                if isinstance(event, Rendering):
                    return
                if kept is not None:
                    kept.release()
            await unread.wait()

    async def drain(self, grace_s: float) -> None:
        """Refuse new renders, let accepted ones finish for `grace_s` seconds, then stop the rest."""
        self._draining = True
        if self._calls:
            await asyncio.wait(self._calls, timeout=grace_s)
        self.interrupt()
        if self._calls:
            await asyncio.wait(self._calls, timeout=5)

    def interrupt(self) -> None:
        """Stop every render before its next step."""
        for subscription in self._calls.values():
            subscription.stop()


def _room_for(checked: RenderRequest, event: Event | BaseException) -> int:
    """Return the bytes for encoding and sending the picture of an event; 0 for a stored one, which has its room."""
    if isinstance(event, Progress) and event.frame is not None:
        return _room(event.frame.array.shape, checked.frame_format)
    if isinstance(event, Rendering) and not event.cached:
        return checked.picture_count * _room(event.array.shape, checked.format)
    return 0


def _room(shape: tuple[int, ...], format: spec_pb2.ImageFormat) -> int:  # noqa: A002 - the wire's word
    """Return the bytes of a picture as numbers, encoded, and in a message."""
    height, width, channels = shape
    return 4 * height * width * channels + 2 * images.largest_bytes(format, (height, width), channels)


# ----- from events to wire messages -----


async def _encoded(checked: RenderRequest, event: Event) -> visualization_pb2.StreamRenderResponse:
    """Return the reply: made in a thread if it holds a picture to encode, or else at once, which is faster."""
    if isinstance(event, Rendering) or (isinstance(event, Progress) and event.frame is not None):
        return await asyncio.to_thread(_reply, checked, event)
    return _reply(checked, event)


def _reply(checked: RenderRequest, event: Event) -> visualization_pb2.StreamRenderResponse:
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
        return visualization_pb2.StreamRenderResponse(result=event.message(checked.format))
    progress = visualization_pb2.Progress(
        step=event.step,
        steps=event.steps,
        objective=event.objective,
        elapsed_s=event.elapsed_s,
        estimated_remaining_s=event.estimated_remaining_s,
        frame=None if event.frame is None else _frame(checked, event.frame),
        queue_position=event.queue_position,
    )
    return visualization_pb2.StreamRenderResponse(progress=progress)


def _frame(checked: RenderRequest, frame: Frame) -> spec_pb2.Frame:
    return spec_pb2.Frame(step=frame.step, image=images.message(frame.array, checked.frame_format, alpha=frame.alpha))
