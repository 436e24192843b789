"""The ways to reach a server that every client is tried by: plaintext, TLS, client certificates, API keys."""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import reverie
from click.testing import CliRunner
from reverie_server.process.keys_command import keys

from tests.reliability.process import ServerProcess

PEMS = Path(__file__).parent / "tls"
CA, CERT, KEY = (str(PEMS / name) for name in ("ca.pem", "client.pem", "client.key"))
TLS = ("--tls-cert", str(PEMS / "server.pem"), "--tls-key", str(PEMS / "server.key"))


@dataclass(frozen=True)
class Door:
    """What a server is started with, and what its clients then need."""

    name: str
    arguments: tuple[str, ...] = ()
    tls: dict[str, str | None] | None = None
    keys: bool = False


DOORS = (
    Door("plaintext"),
    Door("tls", TLS, {"ca": CA, "cert": None, "key": None}),
    Door("mtls", (*TLS, "--tls-client-ca", CA), {"ca": CA, "cert": CERT, "key": KEY}),
    Door("keys", TLS, {"ca": CA, "cert": None, "key": None}, keys=True),
)


@dataclass
class Served:
    """A server behind a door, and how to reach it."""

    door: Door
    process: ServerProcess
    metrics: str
    token: str | None = None
    arguments: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Its host and port."""
        return self.process.address

    def client(self) -> reverie.Client:
        """Return the Python client of it, for what the others are compared with."""
        tls = self.door.tls or {}
        return reverie.Client(
            self.address, token=self.token, tls_ca=tls.get("ca"), tls_cert=tls.get("cert"), tls_key=tls.get("key")
        )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What calls of plain stubs carry."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def channel(self) -> grpc.Channel:
        """Return a plain channel to it."""
        if self.door.tls is None:
            return grpc.insecure_channel(self.address)
        pems = [
            Path(file).read_bytes() if file else None for file in (self.door.tls[key] for key in ("ca", "key", "cert"))
        ]
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(*pems))

    def figure(self, name: str) -> float:
        """Return a figure of the server's metrics."""
        text = urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=30).read().decode()
        found = re.search(rf"^{name}(?:_total)? (\S+)$", text, re.MULTILINE)
        assert found, f"{name} is not among the server's metrics"
        return float(found[1])

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Return the log's lines of the calls of a method that have ended."""
        lines = [json.loads(line) for line in self.process.log().splitlines() if line.startswith("{")]
        return [line for line in lines if str(line.get("method", "")).endswith(f"/{method}")]

    def restart(self, *, after_s: float) -> None:
        """Kill it with SIGKILL, and start it again at the same address."""
        address = self.address
        self.process.close()
        time.sleep(after_s)
        self.process = ServerProcess(*self.arguments, "--listen", address)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(door: Door, folder: Path, models: Path, *arguments: str) -> Iterator[Served]:
    """Run a server behind a door; ``folder`` is empty and its own."""
    token = None
    everything = [*door.arguments, "--models", str(models), "--store", str(folder / "store")]
    everything += ["--jobs", str(folder / "jobs.sqlite"), "--log-format", "json", *arguments]
    if door.keys:
        token = CliRunner().invoke(keys, ["create", "tests", "--keys", f"{folder}/keys.json"]).stdout.split()[-1]
        everything += ["--keys", f"{folder}/keys.json"]
    metrics = f"127.0.0.1:{free_port()}"
    everything += ["--metrics", metrics]
    served = Served(door, ServerProcess(*everything), metrics, token, tuple(everything))
    try:
        yield served
    finally:
        served.process.close()
