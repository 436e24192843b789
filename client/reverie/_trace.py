"""The trace that a call belongs to, where the program that we are part of keeps traces. The one file that knows how."""

from __future__ import annotations

from collections.abc import MutableMapping


def context() -> tuple[tuple[str, str], ...]:
    """The metadata by which a server's part of a trace joins ours (W3C Trace Context); none where there is no trace."""
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return ()  # never a need of ours
    carrier: MutableMapping[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return tuple(carrier.items())
