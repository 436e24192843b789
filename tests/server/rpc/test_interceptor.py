"""The interceptor of every call: its request id, its errors, its log line and its metrics."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from prometheus_client import CollectorRegistry
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Draining, Engine
from reverie_server.process.metrics import Metrics
from reverie_server.process.settings import Settings
from reverie_server.rpc.access_log import AccessLog
from reverie_server.rpc.interceptor import Interceptor, assign_request_id, catch_errors
from reverie_server.rpc.status import errors_to_status

from tests.server.captured_log import logging_as
from tests.server.hosts import Refusal, render_request, running

LOCAL = Settings(listen="127.0.0.1:0")


class Host:
    """A service with a method of each kind, all of which raise an unexpected exception."""

    async def unary(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        raise ValueError("a secret path")

    async def writes(self, request: bytes, context: grpc.aio.ServicerContext) -> None:
        await context.write(b"1")
        raise ValueError("a secret path")

    async def yields(self, request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        yield b"1"
        raise ValueError("a secret path")

    async def both(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
            raise ValueError("a secret path")

    async def reads(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        async for _ in requests:
            raise ValueError("a secret path")
        return b""


KINDS = {
    "unary": "unary_unary",
    "writes": "unary_stream",
    "yields": "unary_stream",
    "both": "stream_stream",
    "reads": "stream_unary",
}


@asynccontextmanager
async def host() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server(
        options=[("grpc.so_reuseport", 0)],
        interceptors=[Interceptor(assign_request_id, AccessLog(Metrics()), catch_errors)],
    )
    handlers = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(getattr(Host(), name)) for name, kind in KINDS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Host", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def ended_call(call: Any, *, streams: bool) -> None:
    """Read a call to its end."""
    if not streams:
        await call
    while streams and await call.read() is not grpc.aio.EOF:
        pass


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
async def test_an_exception_becomes_an_incident_and_its_text_stays_in_the_log(
    name: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    asks, answers = kind.split("_")
    async with host() as channel:
        begin = getattr(channel, kind)(f"/test.Host/{name}")
        call = begin(iter([b"1"]) if asks == "stream" else b"1", timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ended_call(call, streams=answers == "stream")
    refusal = Refusal(caught.value)
    assert refusal.code is grpc.StatusCode.INTERNAL
    assert "secret" not in repr(caught.value) + str(refusal.trailers)
    incident = refusal.detail(rpc.RequestInfo).request_id
    (record,) = (record for record in caplog.records if incident in record.message)
    assert record.exc_text is not None
    assert "a secret path" in record.exc_text


class Ended:
    """The context of a call whose deadline has just passed."""

    async def abort(self, *status: object) -> None:
        raise grpc.aio.InternalError("the status cannot be sent")


async def test_an_error_after_the_end_of_its_call_is_not_an_incident(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with errors_to_status(cast(Any, Ended()), "a method"):
            raise Draining
    assert "incident" not in caplog.text


# ----- request ids -----


@pytest.mark.parametrize(
    ("wanted", "kept"), [("order-17", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)]
)
async def test_a_call_has_the_id_that_its_caller_gave_if_it_is_valid(engine: Engine, wanted: str, kept: bool) -> None:
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        call = VisualizationServiceStub(channel).ListModels(
            wire.ListModelsRequest(), metadata=(("x-request-id", wanted),), timeout=20
        )
        await call
        name = dict(await call.trailing_metadata())["x-request-id"]
    assert (name == wanted) is kept
    assert len(name) >= 1


async def test_an_error_has_the_id_too(engine: Engine) -> None:
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        call = VisualizationServiceStub(channel).ListLayers(
            wire.ListLayersRequest(model="x"), metadata=(("x-request-id", "mine"),), timeout=20
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
    assert Refusal(caught.value).trailers["x-request-id"] == "mine"


# ----- invalid messages -----


@pytest.mark.parametrize("method", ["ListModels", "StreamRender"])
async def test_bytes_that_are_not_a_message_are_an_invalid_argument(engine: Engine, method: str) -> None:
    kind = "unary_stream" if method == "StreamRender" else "unary_unary"
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        call = getattr(channel, kind)(f"/reverie.v1.VisualizationService/{method}")(b"\xff\xff", timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (call.read() if method == "StreamRender" else call)
    refusal = Refusal(caught.value)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"reverie.v1.{method}Request" in refusal.detail(rpc.BadRequest).field_violations[0].description


async def test_an_undecodable_reflection_request_is_an_invalid_argument(engine: Engine) -> None:
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(iter([b"\xff\xff"]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_compressed_request_is_refused_without_unpacking(engine: Engine) -> None:
    bomb = wire.ListLayersRequest(model="a" * 50_000_000)  # 50 kB when compressed
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await VisualizationServiceStub(channel).ListLayers(bomb, compression=grpc.Compression.Gzip, timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_request_larger_than_the_limit_is_refused(engine: Engine) -> None:
    most = engine.info().limits.max_request_bytes
    async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await VisualizationServiceStub(channel).ListLayers(wire.ListLayersRequest(model="a" * most), timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# ----- log and metrics -----


async def test_a_call_is_one_line_of_json_with_its_id(engine: Engine) -> None:
    with logging_as("json") as written:
        async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
            await VisualizationServiceStub(channel).ListModels(
                wire.ListModelsRequest(), metadata=(("x-request-id", "mine"),), timeout=20
            )
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    (line,) = (line for line in lines if line["logger"] == "reverie_server.calls")
    assert line["method"] == "/reverie.v1.VisualizationService/ListModels"
    assert (line["code"], line["request_id"], line["client"], line["level"]) == ("OK", "mine", "127.0.0.1", "info")


async def test_the_end_of_a_render_is_logged_with_the_id_of_its_call(engine: Engine) -> None:
    with logging_as("json") as written:
        async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
            stub = VisualizationServiceStub(channel)
            for number in range(2):
                await stub.RenderImage(
                    render_request(channel=number), metadata=(("x-request-id", f"mine-{number}"),), timeout=20
                )
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    logged = [line for line in lines if line["logger"] == "reverie_server.scheduler.progress"]
    assert [line["request_id"] for line in logged] == ["mine-0", "mine-1"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_everywhere_in_the_log(form: str) -> None:
    key = "reverie_0123456789ab_" + "s" * 43
    with logging_as(form) as written:
        log = logging.getLogger("somebody")
        log.warning("got authorization: Bearer sesame from %s", key)
        log.warning("sent to https://user:sesame@host/x?token=sesame")
        try:
            raise ValueError(f"no such key {key}")
        except ValueError:
            log.exception("failed")
    text = written.getvalue()
    assert "sesame" not in text
    assert "sss" not in text
    assert "ValueError: no such key reverie_0123456789ab_***" in text
    assert len(text.splitlines()) == 3 or form == "console"


async def test_a_caller_cannot_write_lines_into_the_log(engine: Engine) -> None:
    with logging_as("console") as written:
        async with running(engine, LOCAL) as address, grpc.aio.insecure_channel(address) as channel:
            request = render_request()
            request.spec.model = "x\n2026-01-01 INFO forged"
            with pytest.raises(grpc.aio.AioRpcError):
                await VisualizationServiceStub(channel).RenderImage(request, timeout=20)
    assert "\n2026-01-01 INFO forged" not in written.getvalue()


async def test_calls_are_counted_by_method_and_code(engine: Engine) -> None:
    metrics = Metrics()
    async with running(engine, LOCAL, observer=metrics) as address, grpc.aio.insecure_channel(address) as channel:
        stub = VisualizationServiceStub(channel)
        await stub.ListModels(wire.ListModelsRequest(), timeout=20)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ListLayers(wire.ListLayersRequest(model="x"), timeout=20)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.RenderImage(render_request(steps=10_000, size_px=64), timeout=0.3)
    # the deadline reaches the server on its own way
    assert ended(metrics.registry, "ListModels", "OK") == 1
    assert ended(metrics.registry, "ListLayers", "NOT_FOUND") == 1
    assert (
        ended(metrics.registry, "RenderImage", "DEADLINE_EXCEEDED")
        + ended(metrics.registry, "RenderImage", "CANCELLED")
        == 1
    )


async def test_metrics_describe_the_device(models: Path) -> None:
    metrics = Metrics()
    with Engine([models], device="cpu", threads=1, observer=metrics) as engine:
        metrics.watch(engine.stats)
        async with running(engine, LOCAL, observer=metrics) as address, grpc.aio.insecure_channel(address) as channel:
            stub = VisualizationServiceStub(channel)
            for number in range(2):
                await stub.RenderImage(render_request(steps=7, channel=number), timeout=20)
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.RenderImage(render_request(steps=10_000, size_px=64), timeout=0.3)
        steps = engine.stats().steps
        read = metrics.registry.get_sample_value
        assert read("reverie_steps_total") == steps >= 14
        assert read("reverie_step_seconds_count") == read("reverie_batch_occupancy_count") == engine.stats().runs
        assert read("reverie_batch_occupancy_sum") == steps
        assert read("reverie_session_build_seconds_count") == engine.stats().builds >= 1
        assert read("reverie_render_seconds_count", {"outcome": "converged"}) == 2
        assert (read("reverie_wait_seconds_count") or 0) >= 2
        assert (read("reverie_queue_depth"), read("reverie_renders_running")) == (0, 0)


def ended(registry: CollectorRegistry, method: str, code: str) -> float:
    full = f"/reverie.v1.VisualizationService/{method}"
    return registry.get_sample_value("reverie_call_seconds_count", {"method": full, "code": code}) or 0
