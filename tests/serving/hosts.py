"""Real gRPC servers for tests: on a loopback port, in the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine, Mount, add_to_server


@asynccontextmanager
async def listening(mount: Callable[[grpc.aio.Server], object]) -> AsyncIterator[str]:
    """A server with whatever `mount` adds to it; where it listens."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    mount(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@asynccontextmanager
async def hosted(mount: Callable[[grpc.aio.Server], object]) -> AsyncIterator[grpc.aio.Channel]:
    """A server with whatever `mount` adds to it, and a channel to it."""
    async with listening(mount) as address, grpc.aio.insecure_channel(address) as channel:
        yield channel


@dataclass
class Served:
    """Reverie on a server of its own, as seen from both sides."""

    engine: Engine
    mount: Mount
    address: str
    channel: grpc.aio.Channel
    call: Any  # the stub


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[Served]:
    """An engine behind gRPC, and a stub in front of it."""
    mounts: list[Mount] = []
    async with (
        listening(lambda server: mounts.append(add_to_server(server, engine, health=True))) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Served(engine, mounts[0], address, channel, VisualizationServiceStub(channel))


class Refusal:
    """A status and its google.rpc details, as a client of any language sees them."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.sentence = error.details()
        self.trailers = dict(tuple(error.trailing_metadata()))  # early versions give no mapping
        self.status = status_pb2.Status.FromString(self.trailers["grpc-status-details-bin"])

    def detail(self, kind: type[Message]) -> Any:
        """The one detail of a type."""
        (packed,) = (each for each in self.status.details if each.Is(kind.DESCRIPTOR))
        message = kind()
        packed.Unpack(message)
        return message
