"""The client for ordinary code."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import grpc

from reverie import _exchange, _interrupts, _jobs, _stream
from reverie._base import BaseClient
from reverie._exchange import Ask, Exchange, Pause, Read, Tell
from reverie._job import Job
from reverie._jobs import Layers, create_request
from reverie._options import JobOptions, RenderOptions, StreamOptions
from reverie._requests import render_request, stream_request
from reverie.catalog import Layer, Model, ServerInfo
from reverie.jobs import JobInfo
from reverie.pictures import Event, Rendering

T = TypeVar("T")


class Client(BaseClient):
    """A connection to a Reverie server, for as many calls and threads as you like.

    ::

        with reverie.Client("localhost:50051") as client:
            rendering = client.render("texture19", "conv4_3", 17)
            rendering.save("conv4_3-17.png")

    ``address`` is ``HOST:PORT`` (port 50051 when left out) or ``unix:/PATH``. This machine is spoken to in plaintext,
    any other through TLS unless ``insecure=True``. ``token`` is sent as a bearer token, never in plaintext to another
    machine. ``tls_ca`` is a PEM file of authorities to trust instead of the system's, ``tls_cert`` and ``tls_key`` this
    client's own certificate, ``tls_name`` the name expected in the server's. ``timeout`` is the number of seconds that
    a call may take unless it says otherwise; without it the catalogue has 30 and a render as long as it needs.
    ``channel`` is an open gRPC channel to use instead of making one; it stays its owner's to close.

    All that goes wrong is a :class:`reverie.ReverieError`. Calls are repeated a few times, within their ``timeout``,
    when no server was there, one refused because it was full, or the connection was lost: a render under the same name,
    so that a server goes on with what it began.
    """

    def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """The server's version, device, presets and limits."""
        return self._run(_exchange.server_info(self._seconds(timeout)))

    def models(self, *, timeout: float | None = None) -> tuple[Model, ...]:
        """The models served, by name."""
        return self._run(_exchange.models(self._seconds(timeout)))

    def layers(self, model: str, *, timeout: float | None = None) -> tuple[Layer, ...]:
        """The layers of a model, from the picture upwards."""
        return self._run(_exchange.layers(model, self._seconds(timeout)))

    def render(
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
        return self._run(_exchange.render(request, options.get("timeout", self._timeout)))

    def stream(
        self,
        model: str | None = None,
        layer: str | None = None,
        channel: int | str | None = None,
        **options: Unpack[StreamOptions],
    ) -> Iterator[Event]:
        """The same as :meth:`render`, as events: one Accepted, any number of Progress, one Rendering.

        Breaking out of the loop cancels the render on the server. The options are those of
        :class:`reverie.StreamOptions`; frames that are asked for come with the progress of their step. A connection
        that is lost on the way is made again, and no event is told twice.
        """
        request = stream_request(model, layer, channel, options)
        return self._told(_stream.stream(request, options.get("timeout", self._timeout)))

    def create_job(self, model: str, layers: Layers, **options: Unpack[JobOptions]) -> Job:
        """Begin a job: a picture of every channel of some layers, which goes on without this client.

        ``layers`` are names, or a mapping from names to channels, such as ``{"conv4_3": range(16), "conv4_4": None}``;
        None stands for all channels. The options are those of :class:`reverie.JobOptions`.
        """
        request = create_request(model, layers, options)
        created = self._run(_jobs.create(request, self._seconds(options.get("timeout"))))
        return Job(self, created.id)

    def job(self, id: str) -> Job:  # noqa: A002 - the wire's word
        """A job that was created before, by its id."""
        return Job(self, id)

    def jobs(self, *, timeout: float | None = None) -> tuple[JobInfo, ...]:
        """The jobs that the server remembers, the newest first."""
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
        """Drive an exchange that tells nothing on its way to its end."""
        steps = self._told(exchange)
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        raise AssertionError("an exchange that tells something on its way is iterated over")

    def _told(self, exchange: Exchange[T]) -> Generator[Any, None, T]:
        """Drive an exchange to its end, and pass on what it tells on its way."""
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
                        case Tell(event):
                            yield event
                        case Read(call):
                            reply = partial(exchange.send, next(call, None))
                        case Ask():
                            answer = self._ask(step)
                            call = answer[0] if step.streams else None
                            reply = partial(exchange.send, answer)
                except grpc.RpcError as error:
                    reply = partial(exchange.throw, self._error(error))
        finally:
            if call is not None:
                call.cancel()

    def _ask(self, ask: Ask) -> Any:
        begin = self._begin(ask.rpc, grpc)
        if ask.streams:
            with _interrupts.held():
                call = begin(ask.request, timeout=ask.timeout_s, metadata=self._metadata())
            return call, next(call, None)
        with _interrupts.held():
            call = begin.future(ask.request, timeout=ask.timeout_s, metadata=self._metadata())
        try:
            return call.result()
        finally:
            call.cancel()  # no effect on a call that ended; stops the render when Ctrl-C ends the wait
