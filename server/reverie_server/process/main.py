"""Runs `reverie serve` in the foreground: its output, its signal handlers and its exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FrameType

import click
from reverie_ascent.models.repository import ModelError
from reverie_ascent.plan import UnusablePlan
from reverie_ascent.runtime import SharedThreads
from reverie_ascent.runtime.session import DeviceUnavailable
from reverie_proto.printable import printable

from reverie_server.engine import Engine
from reverie_server.errors import Fault
from reverie_server.observer import NO_OBSERVER, Observer
from reverie_server.process import logs
from reverie_server.process.address import CannotListen
from reverie_server.process.errors import CommandError
from reverie_server.process.metrics import CannotExpose, Metrics, exposed
from reverie_server.process.places import places
from reverie_server.process.server import Signals
from reverie_server.process.server import serve as serve_engine
from reverie_server.process.settings import Settings
from reverie_server.process.tls import UnusableCertificate
from reverie_server.rpc.api_keys import ApiKeyFile, UnusableKeys
from reverie_server.rpc.interceptor import Middleware
from reverie_server.scheduler.quotas import no_bounds
from reverie_server.store import UnusableStore

log = logging.getLogger(__name__)

#: Errors that prevent a server from starting; their messages are sentences for the user.
STARTUP_ERRORS = (
    ModelError,
    DeviceUnavailable,
    UnusablePlan,
    UnusableStore,
    CannotListen,
    CannotExpose,
    UnusableKeys,
    UnusableCertificate,
    Fault,
)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; raise CommandError if the server cannot start."""
    logs.configure(settings.log_format, settings.log_level)
    chosen = places(settings)
    if chosen.problem:
        log.warning("%s", chosen.problem)
    try:
        with ExitStack() as stack:
            metrics = Metrics() if settings.metrics else None
            keys = ApiKeyFile(settings.keys) if settings.keys else None
            engine = stack.enter_context(
                Engine(
                    settings.models or None,
                    device=settings.device,
                    threads=SharedThreads(settings.threads),  # this process belongs to the server
                    exact=settings.exact,
                    bfloat16=settings.bfloat16,
                    batch=settings.batch,
                    plan=settings.plan,
                    store=chosen.store,
                    store_limit_bytes=None if settings.store_limit is None else settings.store_limit * 2**20,
                    jobs=chosen.jobs,
                    limits=settings.limits,
                    observer=metrics or NO_OBSERVER,
                    accounts=keys.account_of if keys else no_bounds,
                )
            )
            engine.verify()
            engine.warm(settings.warm)
            if metrics and settings.metrics:
                metrics.watch(engine.stats, engine.counts)
                stack.enter_context(exposed(metrics, settings.metrics))
            middleware = [stack.enter_context(_tracing(settings.traces))] if settings.traces else []
            asyncio.run(_serve(engine, settings, metrics or NO_OBSERVER, middleware, keys))
    except STARTUP_ERRORS as error:
        raise CommandError(str(error)) from error


def _tracing(url: str) -> AbstractContextManager[Middleware]:
    try:
        from reverie_server.rpc import tracing  # it needs the extra "telemetry"
    except ModuleNotFoundError as error:
        raise CommandError(f'traces need the package {error.name}: pip install "reverie[telemetry]"') from error
    return tracing.tracing(tracing.collector(url))


async def _serve(
    engine: Engine,
    settings: Settings,
    observer: Observer,
    middleware: Sequence[Middleware],
    keys: ApiKeyFile | None,
) -> None:
    loop, signals = asyncio.get_running_loop(), Signals()

    def handle_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal)

    def on_signal() -> None:
        if signals.stop.is_set():
            signals.interrupt.set()
        else:
            click.echo(f"Stopping: renders in progress have {settings.grace:g} s to finish.", err=True)
        signals.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle_signal)

    def ready(address: str) -> None:
        names = ", ".join(model.name for model in engine.models() if not model.problem)
        info = engine.info()
        click.echo(printable(f"Reverie {info.version} serves {names} on {address} ({info.device_class})."))

    await serve_engine(
        engine, settings, signals=signals, ready=ready, observer=observer, middleware=middleware, keys=keys
    )
