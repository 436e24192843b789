"""Runs `reverie serve` as a separate process, for the reliability checks."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

import grpc
from reverie_server.rpc import health

COMMAND = [
    sys.executable,
    "-c",
    "from reverie_server.process.serve_command import serve; serve(prog_name='reverie serve')",
]


class ServerProcess:
    """A server on a free port, until the block ends."""

    def __init__(self, *arguments: str) -> None:
        # A file and not a pipe, because a full pipe that is not read would block the server.
        self._log = tempfile.TemporaryFile("a+")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [*COMMAND, "--device", "cpu", "--listen", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r" on (\S+:\d+)", line)
        assert found, self.log()
        self.address = found[1]

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, what: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(what)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def wait(self, timeout_s: float = 60) -> tuple[int, str]:
        """Wait for its end; return the exit status and the log."""
        return self._process.wait(timeout_s), self.log()

    def stop(self) -> tuple[int, str]:
        """Terminate it and wait."""
        self.terminate()
        return self.wait()

    def is_well(self) -> bool:
        """Return whether its health service responds with SERVING."""
        with grpc.insecure_channel(self.address) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health.HealthCheckRequest.SerializeToString,
                health.HealthCheckResponse.FromString,
            )
            return bool(check(health.HealthCheckRequest(), timeout=30).status == health.SERVING)

    def log(self) -> str:
        """Return the log so far."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """Kill it if it has not ended, and forget its log."""
        self.kill()
        self._process.communicate()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
