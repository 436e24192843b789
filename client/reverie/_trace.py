"""Propagates the calling program's OpenTelemetry trace. The only file of the client that uses OpenTelemetry."""

from __future__ import annotations

from collections.abc import MutableMapping


def context() -> tuple[tuple[str, str], ...]:
    """Return the metadata that links the server's spans to the current trace (W3C Trace Context); empty without one."""
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return ()  # OpenTelemetry is optional
    carrier: MutableMapping[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return tuple(carrier.items())
