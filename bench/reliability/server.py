"""A server as a process of its own, to be killed at will."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

COMMAND = (sys.executable, "-c", "from reverie_server.command import serve; serve(prog_name='reverie serve')")
PIECES_OF_LOG = re.compile(r"digest ([0-9a-f]{12})")


@dataclass
class Server:
    """A running server, and a stub that speaks to it."""

    process: subprocess.Popen[str]
    call: Any
    log: Path

    def kill(self) -> None:
        """End it without a warning: kill -9."""
        self.process.kill()
        self.process.wait()

    def rendered(self) -> list[str]:
        """The first digits of the digest of every picture that it finished, as its log tells."""
        lines = self.log.read_text().splitlines()
        return [found[1] for line in lines if " converged in " in line and (found := PIECES_OF_LOG.search(line))]


@contextmanager
def server(folder: Path, *arguments: str, number: int = 0) -> Iterator[Server]:
    """Start a server on a free port, with store and jobs in a folder; killed when the block is left."""
    log = folder / f"log-{number}.txt"
    options = ["--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1", "--grace", "0"]
    places = ["--store", str(folder / "results"), "--jobs", str(folder / "jobs.sqlite")]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*COMMAND, *options, *places, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            found = re.search(r" on (\S+)", process.stdout.readline())
            if found is None:
                raise RuntimeError(f"the server did not start: {log.read_text()}")
            with grpc.insecure_channel(found[1]) as channel:
                yield Server(process, VisualizationServiceStub(channel), log)
        finally:
            process.kill()
