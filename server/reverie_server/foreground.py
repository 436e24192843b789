"""The server as a process: what it prints, the signals it heeds, its exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from reverie_server.command import Refused
from reverie_server.engine import Engine
from reverie_server.faults import Fault
from reverie_server.jobs.jobs import default_file
from reverie_server.models import StoreError
from reverie_server.runtime import DeviceUnavailable
from reverie_server.serving import CannotListen, Signals
from reverie_server.serving import serve as serve_engine
from reverie_server.store import UnusableStore, default_folder


def run(
    models: Sequence[Path],
    listen: str,
    *,
    device: str,
    threads: int | None,
    exact: bool,
    bfloat16: bool,
    batch: int | None,
    warm: Sequence[str],
    store: str | None,
    store_limit_bytes: int | None,
    jobs: str | None,
    grace_s: float,
) -> None:
    """Serve until SIGTERM or SIGINT; raise Refused, with a sentence, when that cannot begin."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)  # it tells of every node that a pass removes
    try:
        with Engine(
            models or None,
            device=device,
            threads=threads,
            exact=exact,
            bfloat16=bfloat16,
            batch=batch,
            store=default_folder() if store is None else store,
            store_limit_bytes=store_limit_bytes,
            jobs=default_file() if jobs is None else jobs,
        ) as engine:
            engine.verify()
            engine.warm(warm)
            asyncio.run(_serve(engine, listen, grace_s))
    except (StoreError, DeviceUnavailable, UnusableStore, CannotListen, Fault) as error:
        raise Refused(str(error)) from error


async def _serve(engine: Engine, listen: str, grace_s: float) -> None:
    loop, signals = asyncio.get_running_loop(), Signals()

    def heed(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal)

    def on_signal() -> None:
        if signals.stop.is_set():
            signals.hurry.set()
        else:
            click.echo(f"Stopping: renders in progress have {grace_s:g} s to finish.", err=True)
        signals.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heed)

    def ready(address: str) -> None:
        names = ", ".join(model.name for model in engine.models())
        click.echo(f"Reverie {engine.info().version} serves {names} on {address} ({engine.info().device_class}).")

    await serve_engine(engine, listen, grace_s=grace_s, signals=signals, ready=ready)
