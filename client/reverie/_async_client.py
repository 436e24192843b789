"""The client for code that awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import grpc

from reverie import _exchange, _jobs, _stream
from reverie._async_job import AsyncJob
from reverie._base import BaseClient
from reverie._exchange import Ask, Exchange, Pause, Read, Tell
from reverie._jobs import Layers, create_request
from reverie._options import JobOptions, RenderOptions, StreamOptions
from reverie._requests import render_request, stream_request
from reverie.catalog import Layer, Model, ServerInfo
from reverie.jobs import JobInfo
from reverie.pictures import Event, Rendering

T = TypeVar("T")


class AsyncClient(BaseClient):
    """A connection to a Reverie server for asyncio: the arguments, methods and errors of :class:`reverie.Client`.

    ::

        async with reverie.AsyncClient("localhost:50051") as client:
            rendering = await client.render("texture19", "conv4_3", 17)
            async for event in client.stream("texture19", "conv4_3", 18): ...

    It belongs to the event loop of its first call. Cancelling the task that waits for a render, or leaving the loop
    over a stream, cancels the render on the server.
    """

    async def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """The server's version, device, presets and limits."""
        return await self._run(_exchange.server_info(self._seconds(timeout)))

    async def models(self, *, timeout: float | None = None) -> tuple[Model, ...]:
        """The models served, by name."""
        return await self._run(_exchange.models(self._seconds(timeout)))

    async def layers(self, model: str, *, timeout: float | None = None) -> tuple[Layer, ...]:
        """The layers of a model, from the picture upwards."""
        return await self._run(_exchange.layers(model, self._seconds(timeout)))

    async def render(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[RenderOptions],
    ) -> Rendering:
        """The picture that excites a channel of a layer most, when it is done.

        ``channel`` is a number or, for a classifier's last layer, the label of a class. The options are those of
        :class:`reverie.RenderOptions`, among them ``size``, ``steps``, ``seed``, and ``objective=`` instead of layer
        and channel. Leaving the call by an exception, Ctrl-C included, cancels the render on the server.
        """
        request = render_request(model, layer, channel, options)
        return await self._run(_exchange.render(request, options.get("timeout", self._timeout)))

    def stream(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[StreamOptions],
    ) -> AsyncIterator[Event]:
        """The same as :meth:`render`, as events: one Accepted, any number of Progress, one Rendering.

        Breaking out of the loop cancels the render on the server. The options are those of
        :class:`reverie.StreamOptions`; frames that are asked for come with the progress of their step. A connection
        that is lost on the way is made again, and no event is told twice.
        """
        request = stream_request(model, layer, channel, options)
        return self._told(_stream.stream(request, options.get("timeout", self._timeout)))

    async def create_job(self, model: str, layers: Layers, **options: Unpack[JobOptions]) -> AsyncJob:
        """Begin a job: a picture of every channel of some layers, which goes on without this client.

        ``layers`` are names, or a mapping from names to channels, such as ``{"conv4_3": range(16), "conv4_4": None}``;
        None stands for all channels. The options are those of :class:`reverie.JobOptions`.
        """
        request = create_request(model, layers, options)
        created = await self._run(_jobs.create(request, self._seconds(options.get("timeout"))))
        return AsyncJob(self, created.id)

    def job(self, id: str) -> AsyncJob:  # noqa: A002 - the wire's word
        """A job that was created before, by its id."""
        return AsyncJob(self, id)

    async def jobs(self, *, timeout: float | None = None) -> tuple[JobInfo, ...]:
        """The jobs that the server remembers, the newest first."""
        return await self._run(_jobs.jobs(self._seconds(timeout)))

    async def close(self) -> None:
        """Close the connection; calls in progress are cancelled."""
        self._closed = True
        if self._owns_channel and self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, exchange: Exchange[T]) -> T:
        """Drive an exchange to its end."""
        answers: list[T] = []
        async for _ in self._told(exchange, answers):
            raise AssertionError("an exchange that tells something on its way is iterated over")
        return answers[0]

    async def _told(self, exchange: Exchange[T], answers: list[T] | None = None) -> AsyncIterator[Any]:
        """Drive an exchange to its end, and pass on what it tells on its way; its answer goes into ``answers``."""
        reply, call = partial(next, exchange), None
        try:
            while True:
                try:
                    step = reply()
                except StopIteration as end:
                    if answers is not None:
                        answers.append(cast(T, end.value))
                    return
                reply = partial(next, exchange)
                try:
                    match step:
                        case Pause(seconds):
                            await asyncio.sleep(seconds)
                        case Tell(event):
                            yield event
                        case Read(call):
                            reply = partial(exchange.send, await _next(call))
                        case Ask():
                            answer = await self._ask(step)
                            call = answer[0] if step.streams else None
                            reply = partial(exchange.send, answer)
                except grpc.RpcError as error:
                    reply = partial(exchange.throw, self._error(error))
        finally:
            if call is not None:
                call.cancel()

    async def _ask(self, ask: Ask) -> Any:
        call = self._begin(ask.rpc, grpc.aio)(ask.request, timeout=ask.timeout_s, metadata=self._metadata())
        return (call, await _next(call)) if ask.streams else await call


async def _next(call: Any) -> Any:
    """The next message of a call, or None after the last."""
    message = await call.read()
    return None if message is grpc.aio.EOF else message
