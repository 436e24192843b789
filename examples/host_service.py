"""Mount Reverie on your own gRPC server: one process, with your server's ports, interceptors and lifetime.

Run it with the embedded model, `python examples/host_service.py`, or with an exported one: `... host_service.py FOLDER
MODEL LAYER`. It starts the server, calls it once, and shuts it down gracefully.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
from reverie_proto.v1.objective_pb2 import ChannelObjective, Objective
from reverie_proto.v1.size_pb2 import Size
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine, add_to_server


async def greet(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    """The handler of the host's own RPC."""
    return b"Hello, " + request


def add_greeter(server: grpc.aio.Server) -> None:
    """Add the host's own service to the server."""
    handlers = {"Greet": grpc.unary_unary_rpc_method_handler(greet)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("host.Greeter", handlers),))


async def main(folder: str | None = None, model: str = "texture19", layer: str = "conv3_1") -> None:
    """Start a server with both services, call both, drain Reverie and stop."""
    server = grpc.aio.server()
    add_greeter(server)
    with Engine([folder] if folder else None) as engine:
        reverie = add_to_server(server, engine, health=True, reflection=True)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()

        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await call(channel, model, layer)

        await reverie.drain(grace_s=30)  # health becomes NOT_SERVING, and renders in progress finish
        await server.stop(grace=5)


async def call(channel: Any, model: str, layer: str) -> None:
    """Call both services as a client."""
    greeting = await channel.unary_unary("/host.Greeter/Greet")(b"world")
    print(greeting.decode())

    objective = Objective(channel=ChannelObjective(layer=layer, channel=0))
    spec = RenderSpec(model=model, objective=objective, size=Size(height_px=64, width_px=64), steps=32)
    reply = await VisualizationServiceStub(channel).RenderImage(RenderImageRequest(spec=spec))
    picture = reply.rendering.image
    print(f"A picture of {picture.width_px} x {picture.height_px} in {reply.rendering.elapsed_s:.1f} s")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
