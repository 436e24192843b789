"""Connections that say nothing, too little or too much end; the server goes on with the others."""

from __future__ import annotations

import asyncio
import resource
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from reverie_proto.v1.visualization_pb2 import ListModelsRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
from reverie_server.process import server
from reverie_server.process.settings import Settings
from reverie_server.rpc import interceptor
from reverie_server.rpc.api_keys import new_key, write
from reverie_server.scheduler.quotas import Quota

from tests.reliability.process import ServerProcess
from tests.server.fakes import PATIENCE_S
from tests.server.hosts import Refusal, render_request, running

PEMS = Path(__file__).parents[2] / "client" / "tls"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes, *, promised: int | None = None) -> bytes:
    """Return a frame of HTTP/2 (RFC 9113, section 4.1) that promises a length, by default that of its payload."""
    size = len(payload) if promised is None else promised
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


SETTINGS = frame(4, 0, 0, b"")
#: What a client sends before it falls silent.
SILENT = {
    "nothing": b"",
    "half a preface": PREFACE[:11],
    "a preface without settings": PREFACE,
    "half a frame of settings": PREFACE + SETTINGS[:5],
    "half a frame of headers": PREFACE + SETTINGS + frame(1, 4, 1, b"\x83", promised=40),
    "headers that go on": PREFACE + SETTINGS + frame(1, 0, 1, b"\x83"),
    "no call": PREFACE + SETTINGS,
}


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def closed(reader: asyncio.StreamReader) -> None:
    """Wait until the server has closed a connection."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass


async def answers(channel: grpc.aio.Channel) -> bool:
    stub = VisualizationServiceStub(channel)
    listed = await stub.ListModels(ListModelsRequest(), timeout=PATIENCE_S, wait_for_ready=True)
    return bool(listed.models)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that wait only a moment for a handshake."""
    monkeypatch.setattr(server, "HANDSHAKE_S", 0.5)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sent", SILENT.values(), ids=SILENT.keys())
async def test_a_connection_that_falls_silent_is_closed(engine: Engine, sent: bytes) -> None:
    async with (
        running(engine, Settings(listen="127.0.0.1:0", max_connection_idle=1)) as address,
        connected(address) as (reader, writer),
    ):
        writer.write(sent)
        await closed(reader)
        async with grpc.aio.insecure_channel(address) as channel:
            assert await answers(channel)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("share", [0, 0.5], ids=["nothing", "half a hello"])
async def test_a_tls_handshake_that_falls_silent_is_closed(engine: Engine, share: float) -> None:
    hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, hello, server_hostname="localhost").do_handshake()
    sent = hello.read()
    settings = Settings(listen="127.0.0.1:0", tls_cert=PEMS / "server.pem", tls_key=PEMS / "server.key")
    async with running(engine, settings) as address, connected(address) as (reader, writer):
        writer.write(sent[: int(len(sent) * share)])
        await closed(reader)


async def test_a_client_whose_idle_connection_was_closed_is_served_by_a_new_one(engine: Engine) -> None:
    async with (
        running(engine, Settings(listen="127.0.0.1:0", max_connection_idle=0.2)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        assert await answers(channel)
        async with asyncio.timeout(PATIENCE_S):
            while channel.get_state() is grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        assert await answers(channel)


async def test_surplus_connections_are_refused_until_others_have_ended(engine: Engine) -> None:
    settings = Settings(listen="127.0.0.1:0", max_connections=3)
    async with running(engine, settings) as address:
        async with connected(address) as first, connected(address) as second, connected(address) as third:
            for reader, writer in (first, second, third):
                writer.write(PREFACE + SETTINGS)
                async with asyncio.timeout(PATIENCE_S):
                    assert await reader.read(1), "the server's settings: it has accepted the connection"
            async with connected(address) as (reader, _):
                await closed(reader)
            async with grpc.aio.insecure_channel(address) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await VisualizationServiceStub(channel).ListModels(ListModelsRequest())
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        async with grpc.aio.insecure_channel(address) as channel:
            assert await answers(channel)


async def test_a_large_message_is_read_only_if_its_key_is_known(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, entry = new_key("reader", rights=["read"], quota=Quota())
    write(tmp_path / "keys.json", [entry])
    parsed: list[int] = []

    def counted(deserializer: Any, *, streams: bool) -> Any:
        decode = safe(deserializer, streams=streams)

        def counting(data: bytes) -> Any:
            parsed.append(len(data))
            return decode(data) if decode else data

        return counting

    safe = interceptor._safe_deserializer
    monkeypatch.setattr(interceptor, "_safe_deserializer", counted)
    large = ListModelsRequest(page_token="x" * 900_000).SerializeToString()
    codes = []
    async with (
        running(engine, Settings(listen="127.0.0.1:0", keys=tmp_path / "keys.json")) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        call = channel.unary_unary("/reverie.v1.VisualizationService/ListModels")
        for sent in ("wrong", "", key):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(large, metadata=(("authorization", f"Bearer {sent}"),))
            codes.append(caught.value.code().name)
    assert codes == ["UNAUTHENTICATED", "UNAUTHENTICATED", "INVALID_ARGUMENT"]
    assert parsed == [len(large)]


async def test_without_descriptors_renders_are_unavailable_and_the_server_recovers(
    models: Path, tmp_path: Path
) -> None:
    with ServerProcess("--models", str(models), "--threads", "1", "--store", str(tmp_path), "--jobs", "off") as process:
        async with grpc.aio.insecure_channel(process.address) as channel:
            render = VisualizationServiceStub(channel).RenderImage
            stored = await render(render_request(channel=0))
            few, many = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, many))
            for _ in range(3):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await render(render_request(size_px=24))  # a program that must be read from the model's folder
                refused = Refusal(caught.value)
                code, reason = refused.code, refused.detail(rpc.ErrorInfo).reason
                assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "NO_DESCRIPTORS")
            # The store cannot be read, but the program is loaded.
            assert (await render(render_request(channel=0))).rendering.image.data == stored.rendering.image.data
            assert await answers(channel)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (few, many))
            again = await render(render_request(channel=0))
            assert again.rendering.image.data == stored.rendering.image.data
            assert (await render(render_request(size_px=24))).rendering.image.data
        assert "Traceback" not in process.log()
        assert process.stop()[0] == 0
