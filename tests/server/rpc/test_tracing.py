"""Traces: a span for every call, which continues the client's trace and holds no exceptions or secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import pytest
import reverie
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
from reverie_server.process.settings import Settings
from reverie_server.rpc.tracing import Tracing, tracing

from tests.server.hosts import running

LOCAL = Settings(listen="127.0.0.1:0")


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """The exporter that collects spans."""
    return InMemorySpanExporter()


@pytest.fixture
def layer(spans: InMemorySpanExporter) -> Iterator[Tracing]:
    """The layer that makes spans; all are exported when it is closed."""
    with tracing(spans) as layer:
        yield layer
        layer.flush()


async def test_the_servers_span_continues_the_clients_trace(
    engine: Engine, spans: InMemorySpanExporter, layer: Tracing
) -> None:
    def ask(address: str) -> int:
        with TracerProvider().get_tracer("host").start_as_current_span("page") as span:
            with reverie.Client(address) as client:
                client.models()
            return span.get_span_context().trace_id

    async with running(engine, LOCAL, middleware=[layer]) as address:
        trace = await asyncio.to_thread(ask, address)
    layer.flush()
    (span,) = spans.get_finished_spans()
    assert span.context.trace_id == trace
    assert span.parent is not None
    assert (span.name, span.kind) == ("reverie.v1.VisualizationService/ListModels", SpanKind.SERVER)
    assert span.attributes is not None
    assert span.attributes["rpc.grpc.status"] == "OK"
    assert span.attributes["reverie.request_id"]


async def test_a_refused_call_is_an_error_and_an_invalid_context_is_not(
    engine: Engine, spans: InMemorySpanExporter, layer: Tracing
) -> None:
    async with running(engine, LOCAL, middleware=[layer]) as address, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await VisualizationServiceStub(channel).ListLayers(
                wire.ListLayersRequest(model="sesame"), metadata=(("traceparent", "no context"),), timeout=20
            )
    layer.flush()
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["rpc.grpc.status"] == "NOT_FOUND"
    assert "sesame" not in span.to_json()


async def test_a_client_without_a_trace_sends_none(engine: Engine, spans: InMemorySpanExporter, layer: Tracing) -> None:
    async with running(engine, LOCAL, middleware=[layer]) as address, reverie.AsyncClient(address) as client:
        await client.models()
    layer.flush()
    assert spans.get_finished_spans()[0].parent is None
