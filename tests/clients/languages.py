"""The clients in other languages: what builds each conformance program, and how it is run.

A client is added here with one entry; `clients/conformance.md` says what its program does.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
#: Where the conformance programs are built, outside the folders of the clients.
BUILT = ROOT / ".build" / "clients"


@dataclass(frozen=True)
class Language:
    """A client: ``build`` are commands in its folder, ``program`` starts its conformance program there.

    ``needs`` names programs on the path, each with what brings it.
    """

    name: str
    needs: dict[str, str]
    build: tuple[tuple[str, ...], ...]
    program: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The client's folder."""
        return CLIENTS / self.name

    def missing(self) -> str:
        """Return a sentence about the first program that is missing; empty if none is."""
        for program, remedy in self.needs.items():
            if shutil.which(program) is None:
                return f"the {self.name} client needs {program}, which is not here: {remedy}"
        return ""

    def make(self) -> None:
        """Build the conformance program; raise RuntimeError with the end of what a failing command printed."""
        BUILT.mkdir(parents=True, exist_ok=True)
        for command in self.build:
            with tempfile.TemporaryFile("w+") as log:
                done = subprocess.run(
                    command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, timeout=1800, check=False
                )
                log.seek(0)
                if done.returncode:
                    raise RuntimeError(f"{' '.join(command)} in {self.folder} failed:\n{log.read()[-4000:]}")


LANGUAGES = (
    Language(
        "go",
        needs={"go": "install Go 1.24 or newer"},
        build=(("go", "vet", "./..."), ("go", "test", "./..."), ("go", "build", "-o", f"{BUILT}/go/", "./conformance")),
        program=(f"{BUILT}/go/conformance",),
    ),
)
