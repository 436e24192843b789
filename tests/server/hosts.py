"""Real gRPC servers on a loopback port, in the test's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2
from reverie_proto.v1.objective_pb2 import ChannelObjective, Objective
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine, Mount, add_to_server
from reverie_server.observer import NO_OBSERVER, Observer
from reverie_server.process.server import Signals, serve
from reverie_server.process.settings import Settings
from reverie_server.rpc.interceptor import Middleware

from tests.sizes import square


@asynccontextmanager
async def listening(mount: Callable[[grpc.aio.Server], object]) -> AsyncIterator[str]:
    """Start a server with the services that `mount` adds, and yield its address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    mount(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@asynccontextmanager
async def hosted(mount: Callable[[grpc.aio.Server], object]) -> AsyncIterator[grpc.aio.Channel]:
    """Start a server with the services that `mount` adds, and yield a channel to it."""
    async with listening(mount) as address, grpc.aio.insecure_channel(address) as channel:
        yield channel


@dataclass
class Served:
    """A server with only Reverie, its engine, and a stub."""

    engine: Engine
    mount: Mount
    address: str
    channel: grpc.aio.Channel
    call: Any  # the stub


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[Served]:
    """Serve an engine by gRPC and yield both sides."""
    mounts: list[Mount] = []
    async with (
        listening(lambda server: mounts.append(add_to_server(server, engine, health=True))) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Served(engine, mounts[0], address, channel, VisualizationServiceStub(channel))


class Refusal:
    """A status and its google.rpc details, as a client in any language receives them."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.sentence = error.details()
        self.trailers = dict(tuple(error.trailing_metadata()))  # early versions give no mapping
        self.status = status_pb2.Status.FromString(self.trailers["grpc-status-details-bin"])

    def detail(self, kind: type[Message]) -> Any:
        """Return the only detail of a type."""
        (packed,) = (each for each in self.status.details if each.Is(kind.DESCRIPTOR))
        message = kind()
        packed.Unpack(message)
        return message


@asynccontextmanager
async def running(
    engine: Engine, settings: Settings, *, observer: Observer = NO_OBSERVER, middleware: Sequence[Middleware] = ()
) -> AsyncIterator[str]:
    """Start a server with all interceptors, as `reverie serve` does, and yield its address."""
    signals, bound = Signals(), asyncio.get_running_loop().create_future()
    life = asyncio.create_task(
        serve(engine, settings, signals=signals, ready=bound.set_result, observer=observer, middleware=middleware)
    )
    await asyncio.wait([life, bound], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        life.result()
    yield bound.result()
    signals.stop.set()
    await life


def render_request(steps: int = 1, channel: int = 1, size_px: int = 16) -> RenderImageRequest:
    """Return a request for a very short render of the tiny model."""
    objective = Objective(channel=ChannelObjective(layer="conv1_1", channel=channel))
    return RenderImageRequest(spec=RenderSpec(model="tiny", objective=objective, size=square(size_px), steps=steps))
