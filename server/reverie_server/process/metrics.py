"""Prometheus metrics: the engine's counters, read at each scrape, and histograms of observed events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from reverie_server.observer import Observer

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
RATIOS = (0.1, 0.25, 0.5, 0.7, 0.9, 1.1, 1.4, 2, 4, 10)

#: The engine's counters: the field of its statistics, the metric, whether it only grows, and the help text. A field
#: that an engine does not have is left out.
COUNTED = [
    ("steps", "reverie_steps", True, "Steps of gradient ascent made."),
    ("late_steps", "reverie_late_steps", True, "Steps that ended after their render was stopped."),
    ("stopped", "reverie_cancels", True, "Renders that were stopped before their end, for any reason."),
    ("failed", "reverie_failures", True, "Renders that failed."),
    ("waiting", "reverie_queue_depth", False, "Renders that wait for the device."),
    ("running", "reverie_renders_running", False, "Renders that are on the device."),
    ("programs", "reverie_programs_loaded", False, "Programs that are loaded."),
    ("program_bytes", "reverie_program_bytes", False, "Memory of loaded programs in bytes, estimated."),
    ("hits", "reverie_cache_hits", True, "Requests answered from the store."),
    ("joined", "reverie_shared_renders", True, "Requests that joined a render in progress."),
    ("misses", "reverie_cache_misses", True, "Requests whose picture was not in the store."),
    ("not_stored", "reverie_store_failures", True, "Results that could not be stored."),
]


class Metrics(Observer):
    """All metrics of one server, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, open files, CPU time
        PlatformCollector(registry=registry)
        self._wait = Histogram(
            "reverie_wait_seconds", "Time from acceptance to the start on the device.", buckets=SLOW, registry=registry
        )
        self._forecast = Histogram(
            "reverie_forecast_ratio",
            "Time foretold at acceptance over time taken, from acceptance to the end of a render.",
            buckets=RATIOS,
            registry=registry,
        )
        self._step = Histogram(
            "reverie_step_seconds", "One step of all renders that share it.", buckets=FAST, registry=registry
        )
        self._batch = Histogram(
            "reverie_batch_occupancy",
            "Renders that shared a step.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self._build = Histogram(
            "reverie_session_build_seconds", "Building and loading a program.", buckets=SLOW, registry=registry
        )
        self._render = Histogram(
            "reverie_render_seconds", "Renders that ended, by outcome.", ["outcome"], buckets=SLOW, registry=registry
        )
        self._call = Histogram(
            "reverie_call_seconds",
            "gRPC calls that ended.",
            ["method", "code"],
            buckets=FAST + SLOW[6:],
            registry=registry,
        )
        self._calls = Gauge("reverie_calls_open", "gRPC calls in progress.", ["method"], registry=registry)
        self._refused = Counter(
            "reverie_refusals",
            "gRPC calls that were refused for lack of room, quota or rights.",
            ["code"],
            registry=registry,
        )

    def waited(self, seconds: float) -> None:
        """Observe a wait."""
        self._wait.observe(seconds)

    def foretold(self, foretold_s: float, taken_s: float) -> None:
        """Observe how good a forecast was."""
        self._forecast.observe(foretold_s / max(taken_s, 1e-9))

    def stepped(self, seconds: float, batch: int) -> None:
        """Observe a step."""
        self._step.observe(seconds)
        self._batch.observe(batch)

    def built(self, seconds: float) -> None:
        """Observe the building of a program."""
        self._build.observe(seconds)

    def rendered(self, outcome: str, seconds: float) -> None:
        """Observe the end of a render."""
        self._render.labels(outcome).observe(seconds)

    def called(self, method: str, code: str, seconds: float) -> None:
        """Observe the end of a call."""
        self._call.labels(method, code).observe(seconds)
        if code in ("RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "PERMISSION_DENIED"):
            self._refused.labels(code).inc()

    def calling(self, method: str, change: int) -> None:
        """Observe a change of the number of open calls."""
        self._calls.labels(method).inc(change)

    def watch(self, *counts: Callable[[], Any]) -> None:
        """Read an engine's counters, dataclasses of numbers, at each scrape."""
        self.registry.register(_Counted(counts))


class _Counted(Collector):
    def __init__(self, counts: tuple[Callable[[], Any], ...]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of this moment."""
        values: dict[str, float] = {}
        for count in self._counts:
            values |= dataclasses.asdict(count())
        for field, name, grows, text in COUNTED:
            if field in values:
                family = CounterMetricFamily if grows else GaugeMetricFamily
                yield family(name, text, value=values[field])


class CannotExpose(Exception):
    """The address for Prometheus cannot be listened on; the message says why."""


@contextmanager
def exposed(metrics: Metrics, address: str) -> Iterator[None]:
    """Serve the metrics at ``http://HOST:PORT/metrics`` while the block lasts; raise CannotExpose."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CannotExpose(f"metrics cannot be at {address}: an address is HOST:PORT, such as 127.0.0.1:9464")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), metrics.registry)
    except OSError as error:
        raise CannotExpose(f"metrics cannot be at {address}: {error.strerror or error}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
