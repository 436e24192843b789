"""OpenTelemetry traces: a span for every call, a child of the client's span. Only this file imports OpenTelemetry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from reverie_server.rpc import request_id
from reverie_server.rpc.caller import current_caller
from reverie_server.rpc.interceptor import Call, status_of
from reverie_server.version import version


class Tracing:
    """Middleware that makes a span for every call."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("reverie_server")
        self._propagator = TraceContextTextMapPropagator()

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Trace one call."""
        parent = self._propagator.extract(dict(call.metadata))
        service, _, method = call.method[1:].partition("/")
        span = self._tracer.start_span(f"{service}/{method}", parent, SpanKind.SERVER)
        span.set_attributes({"rpc.system": "grpc", "rpc.service": service, "rpc.method": method})
        try:
            yield
        except BaseException as error:
            code = status_of(error, call)
            span.set_attribute("rpc.grpc.status", code)
            span.set_status(Status(StatusCode.ERROR, code))  # never the exception: its text stays in the log
            raise
        else:
            span.set_attribute("rpc.grpc.status", "OK")
        finally:
            span.set_attribute("reverie.request_id", request_id.current())
            span.set_attribute("reverie.client", current_caller().name)
            span.end()

    def flush(self) -> None:
        """Send the spans that have not been sent yet."""
        self._provider.force_flush()


@contextmanager
def tracing(exporter: SpanExporter) -> Iterator[Tracing]:
    """Send spans to an exporter while the block lasts."""
    resource = Resource.create({"service.name": "reverie", "service.version": version()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Tracing(provider)
    finally:
        provider.shutdown()


def collector(url: str) -> Any:
    """Return an exporter that sends spans to a collector, by OTLP over HTTP."""
    return OTLPSpanExporter(endpoint=url)
