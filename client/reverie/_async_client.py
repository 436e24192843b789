"""The asyncio client of a Reverie server."""

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
from reverie._exchange import Call, Emit, Exchange, Pause, Read
from reverie._jobs import Layers, create_request
from reverie._options import JobOptions, RenderOptions, StreamOptions
from reverie._requests import render_request, stream_request
from reverie.catalog import Layer, Model, ServerInfo
from reverie.jobs import JobInfo
from reverie.pictures import Event, Rendering

T = TypeVar("T")


class AsyncClient(BaseClient):
    """A connection to a Reverie server for asyncio, with the arguments, methods and errors of :class:`reverie.Client`.

    ::

        async with reverie.AsyncClient("localhost:50051") as client:
            rendering = await client.render("texture19", "conv4_3", 17)
            async for event in client.stream("texture19", "conv4_3", 18): ...

    It can only be used in the event loop of its first call. Cancelling the task that waits for a render, or leaving
    the loop over a stream, cancels the render on the server.
    """

    async def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """Return the server's version, device, presets and limits."""
        return await self._run(_exchange.server_info(self._seconds(timeout)))

    async def models(self, *, timeout: float | None = None) -> tuple[Model, ...]:
        """Return the models that the server offers, sorted by name."""
        return await self._run(_exchange.models(self._seconds(timeout)))

    async def layers(self, model: str, *, timeout: float | None = None) -> tuple[Layer, ...]:
        """Return the layers of a model, in order from the input picture to the output."""
        return await self._run(_exchange.layers(model, self._seconds(timeout)))

    async def render(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[RenderOptions],
    ) -> Rendering:
        """Render the picture that excites a channel of a layer most, and return it when it is finished.

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
        """Render like :meth:`render`, and yield events: one Accepted, any number of Progress, one Rendering.

        Breaking out of the loop cancels the render on the server. The options are those of
        :class:`reverie.StreamOptions`. A requested frame is part of the Progress event of its step. If the connection
        is lost, the client reconnects; each event is yielded only once.
        """
        request = stream_request(model, layer, channel, options)
        return self._events(_stream.stream(request, options.get("timeout", self._timeout)))

    async def create_job(self, model: str, layers: Layers, **options: Unpack[JobOptions]) -> AsyncJob:
        """Start a job on the server that renders every channel of some layers, even after this client disconnects.

        ``layers`` are names, or a mapping from names to channels, such as ``{"conv4_3": range(16), "conv4_4": None}``;
        None stands for all channels. The options are those of :class:`reverie.JobOptions`.
        """
        request = create_request(model, layers, options)
        created = await self._run(_jobs.create(request, self._seconds(options.get("timeout"))))
        return AsyncJob(self, created.id)

    def job(self, id: str) -> AsyncJob:  # noqa: A002 - the wire's word
        """Return a handle for a job that was created earlier, by its id. Nothing is sent yet."""
        return AsyncJob(self, id)

    async def jobs(self, *, timeout: float | None = None) -> tuple[JobInfo, ...]:
        """Return the jobs that the server still has a record of, newest first."""
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
        """Run an exchange that yields no events, and return its result."""
        answers: list[T] = []
        async for _ in self._events(exchange, answers):
            raise AssertionError("an exchange that yields events must be iterated over")
        return answers[0]

    async def _events(self, exchange: Exchange[T], answers: list[T] | None = None) -> AsyncIterator[Any]:
        """Run an exchange and yield its events; its result is appended to ``answers``."""
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
                        case Emit(event):
                            yield event
                        case Read(call):
                            reply = partial(exchange.send, await _next(call))
                        case Call():
                            answer = await self._send(step)
                            call = answer[0] if step.streams else None
                            reply = partial(exchange.send, answer)
                except grpc.RpcError as error:
                    reply = partial(exchange.throw, self._error(error))
        finally:
            if call is not None:
                call.cancel()

    async def _send(self, command: Call) -> Any:
        call = self._begin(command.rpc, grpc.aio)(command.request, timeout=command.timeout_s, metadata=self._metadata())
        return (call, await _next(call)) if command.streams else await call


async def _next(call: Any) -> Any:
    """Return the next message of a streaming call, or None after the last."""
    message = await call.read()
    return None if message is grpc.aio.EOF else message
