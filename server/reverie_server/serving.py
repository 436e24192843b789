"""A server's life: bind, be ready, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from reverie_server.embed import add_to_server
from reverie_server.engine import Engine

OPTIONS = [
    # Otherwise a second server binds the same port without an error, and the two share the calls.
    ("grpc.so_reuseport", 0),
    # Requests are small; what is larger is no request of ours.
    ("grpc.max_receive_message_length", 4 * 2**20),
    ("grpc.max_send_message_length", -1),
    # Clients may ping through an idle stream as often as every 10 s without being sent away ...
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # ... and a client whose machine is gone is noticed within 80 s, which stops its render.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""


@dataclass
class Signals:
    """How a server's owner speaks to it, from its event loop."""

    #: Finish what was accepted, then stop.
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    #: Do not wait for it.
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


async def serve(
    engine: Engine, address: str, *, grace_s: float, signals: Signals, ready: Callable[[str], None]
) -> None:
    """Serve an engine until told to stop; `ready` is called with the bound address once calls are answered.

    Raises CannotListen.
    """
    server = grpc.aio.server(options=OPTIONS)
    mount = add_to_server(server, engine, health=True, reflection=True)
    bound = bind(server, address)
    await server.start()
    ready(bound)
    await signals.stop.wait()
    hurry = asyncio.create_task(_interrupt_on(signals.hurry, mount.interrupt))
    await mount.drain(grace_s)
    hurry.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hurry
    await server.stop(grace=1)


async def _interrupt_on(hurry: asyncio.Event, interrupt: Callable[[], None]) -> None:
    await hurry.wait()
    interrupt()


def bind(server: grpc.aio.Server, address: str) -> str:
    """Listen on `HOST:PORT` (port 0: any free one) or `unix:PATH`; return the address with the port that it got."""
    if problem := _probe(address):
        raise CannotListen(f"cannot listen on {address}: {problem}")
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise CannotListen(f"cannot listen on {address}: {error}") from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def _probe(address: str) -> str:
    """Return why an address cannot be listened on, or nothing: gRPC itself takes port 99999, and gives no reasons."""
    if address.startswith("unix:"):
        folder = Path(address.removeprefix("unix:").removeprefix("//")).parent
        return "" if folder.is_dir() and os.access(folder, os.W_OK) else f"{folder} is no folder that can be written to"
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        return "an address is HOST:PORT, such as 127.0.0.1:50051, or unix:PATH"
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does: a port just left is free
            probe.bind(where)
            probe.listen()
    except socket.gaierror:
        return f"there is no host {host!r}"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "another server has that port; stop it, or choose another port with --listen"
        return error.strerror or str(error)
    return ""
