"""Streams that nobody reads do not take the server's memory: the short form of tests/reliability/unread.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from reverie_proto.v1 import objective_pb2, spec_pb2, visualization_pb2
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine, Limits
from reverie_server.process.settings import Settings
from reverie_server.rpc import connections
from reverie_server.rpc.interceptor import Interceptor, assign_request_id, catch_errors

from tests.reliability.unread import KINDS, broken, measure
from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Refusal, running
from tests.sizes import square

MIB = 2**20


def test_memory_stays_within_its_bound(models: Path) -> None:
    limits = {"max_waiting_bytes": 64 * MIB, "max_client_waiting_bytes": 32 * MIB}
    found = measure(streams=100, size_px=512, clients=2, still_s=4, limits=limits, models=str(models), model="tiny")
    assert broken(found) == [], found
    assert set(KINDS) <= found.keys()


def stored(size_px: int) -> visualization_pb2.StreamRenderRequest:
    objective = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv1_1", channel=1))
    spec = spec_pb2.RenderSpec(model="tiny", objective=objective, size=square(size_px), steps=1)
    return visualization_pb2.StreamRenderRequest(spec=spec, format=spec_pb2.IMAGE_FORMAT_RAW)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_client_that_reads_a_stream_too_late_gets_what_was_sent_and_the_reason(
    models: Path, tmp_path: Path
) -> None:
    limits = Limits(max_read_s=1)
    with Engine([models], device="cpu", threads=1, store=tmp_path, limits=limits) as engine:
        async with (
            running(engine, Settings(listen="127.0.0.1:0")) as address,
            grpc.aio.insecure_channel(address, [("grpc.http2.bdp_probe", 0)]) as channel,
        ):
            # By another connection: the window of one that has read such a picture would take all of the next.
            async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as other:
                assert [event async for event in VisualizationServiceStub(other).StreamRender(stored(512))]
            call = VisualizationServiceStub(channel).StreamRender(stored(512))
            await call.initial_metadata()
            await asyncio.sleep(3)  # longer than the server waits
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in call:
                    pass
    refused = Refusal(caught.value)
    assert (refused.code, refused.detail(rpc.ErrorInfo).reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_READER")


async def test_a_connection_is_closed_by_the_address_of_its_peer(engine: Engine) -> None:
    async with running(engine, Settings(listen="127.0.0.1:0")) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await reader.read(1)  # the server's settings: it has the connection
        where = "{}:{}".format(*writer.get_extra_info("sockname"))
        assert not connections.close("unix:")
        assert not connections.close("ipv4:192.0.2.1:9")
        assert connections.close(f"ipv4:{where}")
        async with asyncio.timeout(PATIENCE_S):
            while await reader.read(1000):
                pass
        writer.close()


async def test_a_call_that_never_sends_its_message_ends() -> None:
    async def echo(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    interceptor = Interceptor(assign_request_id, catch_errors, message_s=0.2, max_reading=3)
    server = grpc.aio.server(interceptors=[interceptor])
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        say = channel.stream_unary("/test.Echo/Say")
        assert await channel.unary_unary("/test.Echo/Say")(b"x") == b"x"
        silent = [say() for _ in range(4)]
        reasons = []
        for call in silent:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async with asyncio.timeout(PATIENCE_S):
                    await call
            reasons.append(Refusal(caught.value).detail(rpc.ErrorInfo).reason)
        assert sorted(reasons) == ["NO_MESSAGE", "NO_MESSAGE", "NO_MESSAGE", "TOO_MANY_CALLS"]
        assert await channel.unary_unary("/test.Echo/Say")(b"y") == b"y"
    await server.stop(None)


async def test_the_message_of_an_unknown_key_is_not_read() -> None:
    read: list[bytes] = []

    async def echo(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    def remember(data: bytes) -> bytes:
        read.append(data)
        return data

    interceptor = Interceptor(admits=lambda method, metadata: metadata.get("authorization") == "right")

    def mount(server: grpc.aio.Server) -> None:
        handler = grpc.unary_unary_rpc_method_handler(echo, request_deserializer=remember)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))

    server = grpc.aio.server(interceptors=[interceptor])
    mount(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        say = channel.unary_unary("/test.Echo/Say")
        with pytest.raises(grpc.aio.AioRpcError):
            await say(b"x", metadata=(("authorization", "wrong"),))
        assert await say(b"y", metadata=(("authorization", "right"),)) == b"y"
    assert read == [b"y"]
    await server.stop(None)
