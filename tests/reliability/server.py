"""Runs servers with a persistent store and jobs file in a folder, which the next server uses again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.reliability.process import ServerProcess

PIECES_OF_LOG = re.compile(r"digest ([0-9a-f]{12})")


@dataclass
class Server:
    """A running server, and a stub for it."""

    process: ServerProcess
    call: Any

    def rendered(self) -> list[str]:
        """Return the first digits of the digest of every finished picture, from its log."""
        lines = self.process.log().splitlines()
        return [found[1] for line in lines if " converged in " in line and (found := PIECES_OF_LOG.search(line))]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[Server]:
    """Start a server on a free port, with store and jobs in a folder; kill it when the block ends."""
    places = ["--store", str(folder / "results"), "--jobs", str(folder / "jobs.sqlite")]
    with (
        ServerProcess("--threads", "1", "--grace", "0", *places, *arguments) as process,
        grpc.insecure_channel(process.address) as channel,
    ):
        yield Server(process, VisualizationServiceStub(channel))
