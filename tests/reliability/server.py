"""A server that remembers: its store and its jobs are in a folder, where the next one finds them."""

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
    """A running server, and a stub that speaks to it."""

    process: ServerProcess
    call: Any

    def rendered(self) -> list[str]:
        """The first digits of the digest of every picture that it finished, as its log tells."""
        lines = self.process.said().splitlines()
        return [found[1] for line in lines if " converged in " in line and (found := PIECES_OF_LOG.search(line))]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[Server]:
    """Start a server on a free port, with store and jobs in a folder; killed when the block is left."""
    places = ["--store", str(folder / "results"), "--jobs", str(folder / "jobs.sqlite")]
    with (
        ServerProcess("--threads", "1", "--grace", "0", *places, *arguments) as process,
        grpc.insecure_channel(process.address) as channel,
    ):
        yield Server(process, VisualizationServiceStub(channel))
