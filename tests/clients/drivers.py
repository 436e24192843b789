"""Runs a client's conformance program: a process for each case, which prints what it saw."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import IO, Any

from tests.clients.doors import Served
from tests.clients.languages import Language

#: Far more than any case takes on a busy machine; the calls have deadlines of their own.
HANG_S = 180

Answer = dict[str, Any]


@dataclass(frozen=True)
class Driver:
    """The conformance program of a language, for a server."""

    language: Language
    served: Served

    def begin(self, case: str, **further: Any) -> Running:
        """Start a case; ``served``'s address, certificates and key are added to its argument."""
        argument = {"case": case, "target": self.served.address.replace("127.0.0.1", "localhost"), **further}
        argument |= {"tls": self.served.door.tls, "token": self.served.token}
        return Running(
            case,
            subprocess.Popen(
                [*self.language.program, json.dumps(argument)],
                cwd=self.language.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            ),
        )

    def __call__(self, case: str, **further: Any) -> Answer:
        """Run a case to its end and return what it printed."""
        return self.begin(case, **further).answer()


@dataclass(frozen=True)
class Running:
    """A conformance program that runs."""

    case: str
    process: subprocess.Popen[str]

    def line(self) -> str:
        """Wait for the next line that it prints."""
        return _output(self.process).readline().rstrip("\n")

    def answer(self) -> Answer:
        """Wait for its end and return what it printed last; raise AssertionError if it failed."""
        try:
            out, err = self.process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"{self.case}: still running after {HANG_S} s\n{out}\n{err}") from None
        assert self.process.returncode == 0, f"{self.case}: exit status {self.process.returncode}\n{out}\n{err}"
        answer: Answer = json.loads(out.splitlines()[-1])
        return answer


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout
