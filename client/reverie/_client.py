"""The blocking client of a Reverie server."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import grpc

from reverie import _exchange, _interrupts, _jobs, _stream
from reverie._base import BaseClient
from reverie._exchange import Call, Emit, Exchange, Pause, Read
from reverie._job import Job
from reverie._jobs import Layers, create_request
from reverie._options import JobOptions, RenderOptions, StreamOptions
from reverie._requests import render_request, stream_request
from reverie.catalog import Layer, Model, ServerInfo
from reverie.jobs import JobInfo
from reverie.pictures import Event, Rendering

T = TypeVar("T")


class Client(BaseClient):
    """A connection to a Reverie server; calls may come from any number of threads.

    ::

        with reverie.Client("localhost:50051") as client:
            rendering = client.render("texture19", "conv4_3", 46)
            rendering.save("conv4_3-46.png")

    ``address`` is ``HOST:PORT`` (port 50051 when left out) or ``unix:/PATH``. Connections to this machine use
    plaintext, all others TLS unless ``insecure=True``. ``token`` is sent as a bearer token, never in plaintext to
    another machine. ``tls_ca`` is a PEM file of authorities to trust instead of the system's, ``tls_cert`` and
    ``tls_key`` are this client's own certificate, ``tls_name`` is the name expected in the server's certificate.
    ``timeout`` is the default number of seconds that a call may take. Without it, catalogue and job calls may take 30
    seconds and renders have no limit. ``channel`` is an open gRPC channel to use; the client does not close it.

    Every failure is a :class:`reverie.ReverieError`. A call is retried a few times within its ``timeout`` if no server
    answered, the server refused because it was full, or the connection was lost. A retried render keeps its request
    id, so the server continues the render that it had started.
    """

    def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """Return the server's version, device, presets and limits."""
        return self._run(_exchange.server_info(self._seconds(timeout)))

    def models(self, *, timeout: float | None = None) -> tuple[Model, ...]:
        """Return the models that the server offers, sorted by name."""
        return self._run(_exchange.models(self._seconds(timeout)))

    def layers(self, model: str, *, timeout: float | None = None) -> tuple[Layer, ...]:
        """Return the layers of a model, in order from the input picture to the output."""
        return self._run(_exchange.layers(model, self._seconds(timeout)))

    def render(
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
        return self._run(_exchange.render(request, options.get("timeout", self._timeout)))

    def stream(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[StreamOptions],
    ) -> Iterator[Event]:
        """Render like :meth:`render`, and yield events: one Accepted, any number of Progress, one Rendering.

        Breaking out of the loop cancels the render on the server. The options are those of
        :class:`reverie.StreamOptions`. A requested frame is part of the Progress event of its step. If the connection
        is lost, the client reconnects; each event is yielded only once.
        """
        request = stream_request(model, layer, channel, options)
        return self._events(_stream.stream(request, options.get("timeout", self._timeout)))

    def create_job(self, model: str, layers: Layers, **options: Unpack[JobOptions]) -> Job:
        """Start a job on the server that renders every channel of some layers, even after this client disconnects.

        ``layers`` are names, or a mapping from names to channels, such as ``{"conv4_3": range(16), "conv4_4": None}``;
        None stands for all channels. The options are those of :class:`reverie.JobOptions`.
        """
        request = create_request(model, layers, options)
        created = self._run(_jobs.create(request, self._seconds(options.get("timeout"))))
        return Job(self, created.id)

    def job(self, id: str) -> Job:  # noqa: A002 - the wire's word
        """Return a handle for a job that was created earlier, by its id. Nothing is sent yet."""
        return Job(self, id)

    def jobs(self, *, timeout: float | None = None) -> tuple[JobInfo, ...]:
        """Return the jobs that the server still has a record of, newest first."""
        return self._run(_jobs.jobs(self._seconds(timeout)))

    def close(self) -> None:
        """Close the connection; calls in progress are cancelled."""
        self._closed = True
        if self._owns_channel and self._channel is not None:
            self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, exchange: Exchange[T]) -> T:
        """Run an exchange that yields no events, and return its result."""
        steps = self._events(exchange)
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        raise AssertionError("an exchange that yields events must be iterated over")

    def _events(self, exchange: Exchange[T]) -> Generator[Any, None, T]:
        """Run an exchange, yield its events and return its result."""
        reply, call = partial(next, exchange), None
        try:
            while True:
                try:
                    step = reply()
                except StopIteration as end:
                    return cast(T, end.value)
                reply = partial(next, exchange)
                try:
                    match step:
                        case Pause(seconds):
                            time.sleep(seconds)
                        case Emit(event):
                            yield event
                        case Read(call):
                            reply = partial(exchange.send, next(call, None))
                        case Call():
                            answer = self._send(step)
                            call = answer[0] if step.streams else None
                            reply = partial(exchange.send, answer)
                except grpc.RpcError as error:
                    reply = partial(exchange.throw, self._error(error))
        finally:
            if call is not None:
                call.cancel()

    def _send(self, command: Call) -> Any:
        begin = self._begin(command.rpc, grpc)
        if command.streams:
            with _interrupts.deferred():
                call = begin(command.request, timeout=command.timeout_s, metadata=self._metadata())
            return call, next(call, None)
        with _interrupts.deferred():
            call = begin.future(command.request, timeout=command.timeout_s, metadata=self._metadata())
        try:
            return call.result()
        finally:
            call.cancel()  # no effect on a call that ended; stops the render when Ctrl-C ends the wait
