"""Reverie inside another program: on a host's server, on a local socket, and in the examples."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from reverie_proto.v1.visualization_pb2 import GetServerInfoRequest, ListModelsRequest, RenderImageRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine, add_to_server
from reverie_server.process.local import serving

from tests.server.hosts import hosted
from tests.server.rpc.test_service import spec

ROOT = Path(__file__).parents[3]


async def hello(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    return b"hello"


def add_hello(server: grpc.aio.Server) -> None:
    handlers = {"Hello": grpc.unary_unary_rpc_method_handler(hello)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("host.Host", handlers),))


async def test_a_host_keeps_its_own_services(engine: Engine) -> None:
    def mount(server: grpc.aio.Server) -> None:
        add_hello(server)
        add_to_server(server, engine)

    async with hosted(mount) as channel:
        assert await channel.unary_unary("/host.Host/Hello")(b"") == b"hello"
        reply = await VisualizationServiceStub(channel).RenderImage(RenderImageRequest(spec=spec()))
    assert reply.rendering.image.data == (await asyncio.to_thread(lambda: engine.render(spec=spec()))).encoded()


async def test_draining_reverie_leaves_the_hosts_services_alone(engine: Engine) -> None:
    mounts: list[Any] = []

    def mount(server: grpc.aio.Server) -> None:
        add_hello(server)
        mounts.append(add_to_server(server, engine))

    async with hosted(mount) as channel:
        await mounts[0].drain(1)
        assert await channel.unary_unary("/host.Host/Hello")(b"") == b"hello"
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await VisualizationServiceStub(channel).RenderImage(RenderImageRequest(spec=spec()))
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
        assert (await VisualizationServiceStub(channel).ListModels(ListModelsRequest())).models


async def test_health_and_reflection_are_only_added_on_request(engine: Engine) -> None:
    async with hosted(lambda server: add_to_server(server, engine)) as channel:
        for method in ("/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary(method)(b"")
            assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_socket_of_a_local_server_is_private_to_the_user(models: Path) -> None:
    with serving([models], device="cpu") as address:
        socket = Path(address.removeprefix("unix:"))
        assert socket.parent.stat().st_mode & 0o077 == 0
        with grpc.insecure_channel(address) as channel:
            assert VisualizationServiceStub(channel).GetServerInfo(GetServerInfoRequest(), timeout=20).info.version
    assert not socket.parent.exists()


def test_a_local_server_stops_renders_that_its_client_left(models: Path) -> None:
    with serving([models], device="cpu") as address, grpc.insecure_channel(address) as channel:
        stub = VisualizationServiceStub(channel)
        stub.RenderImage.future(RenderImageRequest(spec=spec(steps=10_000)))
        assert stub.GetServerInfo(GetServerInfoRequest(), timeout=20).info.version


EXAMPLES = {
    "in_process.py": "The same bytes again: True",
    "host_service.py": "A picture of 64 x 64",
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, models: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), str(models), "tiny", "conv1_1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert EXAMPLES[example] in ended.stdout
