"""Binds a server to its address, serves calls, drains and stops it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc

from reverie_server.engine import Engine
from reverie_server.observer import NO_OBSERVER, Observer
from reverie_server.process.address import CannotListen, is_loopback, reserved
from reverie_server.process.settings import Settings
from reverie_server.process.tls import Certificates, credentials
from reverie_server.rpc.access_log import AccessLog
from reverie_server.rpc.api_keys import ApiKeyFile
from reverie_server.rpc.auth import Authorizer
from reverie_server.rpc.interceptor import Interceptor, Middleware, assign_request_id, catch_errors
from reverie_server.rpc.mount import add_with_replies
from reverie_server.rpc.replies import Replies

#: Seconds in which a new connection must become one of HTTP/2, with TLS if the server has a certificate.
HANDSHAKE_S = 20.0


def options(settings: Settings) -> list[tuple[str, int]]:
    """Return the gRPC options of a server."""
    return [
        # Otherwise a second server binds the same port without an error, and the two share the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.limits.max_request_bytes),
        ("grpc.max_send_message_length", settings.limits.max_response_bytes),
        # Requests are small and pictures are compressed already: a compressed message can only be a decompression bomb.
        # Bit 0 is identity.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.max_metadata_size", 16 * 2**10),
        ("grpc.absolute_max_metadata_size", 32 * 2**10),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # Clients may ping an idle stream every 10 s without being disconnected ...
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # ... and a client that has disappeared is detected within 80 s, which stops its render.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # A connection that does not become one of HTTP/2, or on which no call is open, ends.
        ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_S * 1000)),
        ("grpc.max_connection_idle_ms", round(settings.max_connection_idle * 1000)),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        # A connection stays with one server: without a maximum age new replicas would get no calls.
        ("grpc.max_connection_age_ms", round(settings.max_connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", round(settings.max_connection_age_grace * 1000)),
    ]


#: Seconds in which the last replies are sent after a drain.
FLUSH_S = 0.5


@dataclass
class Signals:
    """The events by which the owner of a server stops it; set them in the server's event loop."""

    #: Finish accepted renders, then stop.
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    #: Stop accepted renders too.
    interrupt: asyncio.Event = field(default_factory=asyncio.Event)


async def serve(
    engine: Engine,
    settings: Settings,
    *,
    signals: Signals,
    ready: Callable[[str], None],
    observer: Observer = NO_OBSERVER,
    middleware: Sequence[Middleware] = (),
    keys: ApiKeyFile | None = None,
) -> None:
    """Serve an engine until `signals.stop` is set; call `ready` with the bound address once calls are answered.

    `middleware` is entered for each call after its request id is assigned and before all other middleware. `keys` are
    those of the settings, if they are read already. Raises CannotListen, UnusableCertificate or UnusableKeys if the
    settings cannot be served.
    """
    with reserved(settings.listen):
        await _serve(engine, settings, signals, ready, observer, middleware, keys)


async def _serve(
    engine: Engine,
    settings: Settings,
    signals: Signals,
    ready: Callable[[str], None],
    observer: Observer,
    middleware: Sequence[Middleware],
    keys: ApiKeyFile | None,
) -> None:
    if keys is None and settings.keys:
        keys = ApiKeyFile(settings.keys)
    if keys is not None:
        engine.jobs.charge(keys.account_of)
    authorizer, replies = Authorizer(keys), Replies(engine.limits)
    interceptor = Interceptor(
        assign_request_id,
        *middleware,
        AccessLog(observer),
        catch_errors,
        authorizer,
        admits=authorizer.knows,
        sends=replies.watch,
    )
    server = grpc.aio.server(options=options(settings), interceptors=[interceptor])
    mount = add_with_replies(server, engine, replies, health=True, reflection=True)
    bound = bind(server, settings)
    await server.start()
    ready(bound)
    await signals.stop.wait()
    interrupting = asyncio.create_task(_interrupt_on(signals.interrupt, mount.interrupt))
    await mount.drain(settings.grace)
    interrupting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await interrupting
    # gRPC's `stop` drops replies that were written but not sent yet, which once lost the last picture of a drain.
    if settings.grace:  # without a grace no reply is promised, and `reverie render` would wait for its own server
        await asyncio.sleep(FLUSH_S)
    # Calls that arrived just before the drain are refused with a status instead of a broken connection, which may take
    # a moment on a busy machine.
    await server.stop(grace=5)


async def _interrupt_on(requested: asyncio.Event, interrupt: Callable[[], None]) -> None:
    await requested.wait()
    interrupt()


def bind(server: grpc.aio.Server, settings: Settings) -> str:
    """Listen on `HOST:PORT` (port 0: any free one) or `unix:PATH`; return the address with the actual port."""
    address = settings.listen
    try:
        if settings.tls_cert and settings.tls_key:
            certificates = Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
            port = server.add_secure_port(address, credentials(certificates))
        elif settings.insecure or is_loopback(address):
            port = server.add_insecure_port(address)
        else:
            raise CannotListen(
                address,
                "other machines could reach it and read the calls; give --tls-cert and"
                " --tls-key, or --insecure if a proxy in front terminates TLS",
            )
    except RuntimeError as error:
        raise CannotListen(address, str(error)) from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
