"""Runs a server inside this process, for a client in the same process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from reverie_server.engine import Engine
from reverie_server.process.server import Signals, serve
from reverie_server.process.settings import Settings


@contextmanager
def serving(models: Sequence[str | Path] | None = None, *, device: str = "auto", exact: bool = False) -> Iterator[str]:
    """Serve models, by default the embedded one, on a socket that only this user can reach; yield its address.

    A client uses it like any other server. Leaving the block stops all renders and the server. The process is not
    changed: the threads of its other sessions stay as they are.
    """
    with Engine(models, device=device, exact=exact) as engine, tempfile.TemporaryDirectory(prefix="reverie-") as folder:
        handle: Future[tuple[asyncio.AbstractEventLoop, Signals, str]] = Future()

        async def run_server() -> None:
            loop, signals = asyncio.get_running_loop(), Signals()
            await serve(
                engine,
                Settings(listen=f"unix:{folder}/socket", grace=0),
                signals=signals,
                ready=lambda bound: handle.set_result((loop, signals, bound)),
            )

        def run() -> None:
            try:
                asyncio.run(run_server())
            except BaseException as error:
                if handle.done():
                    raise
                handle.set_exception(error)

        thread = Thread(target=run, name="reverie-local", daemon=True)
        thread.start()
        loop, signals, address = handle.result()
        try:
            yield address
        finally:
            loop.call_soon_threadsafe(signals.stop.set)
            thread.join()
