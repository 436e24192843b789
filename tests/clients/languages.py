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
        build=(("go", "vet", "./..."), ("go", "build", "-o", f"{BUILT}/go/", "./...")),
        program=(f"{BUILT}/go/conformance",),
    ),
    Language(
        "typescript",
        needs={"node": "install Node 20 or newer", "npm": "install Node 20 or newer"},
        build=(
            ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
            ("npm", "run", "--silent", "check"),
            ("npm", "run", "--silent", "build"),
        ),
        program=("node", "dist/conformance/main.js"),
    ),
    Language(
        "rust",
        needs={"cargo": "install Rust 1.85 or newer"},
        build=(("cargo", "build", "--quiet", "--examples", "--target-dir", f"{BUILT}/rust"),),
        program=(f"{BUILT}/rust/debug/examples/conformance",),
    ),
    Language(
        "java",
        needs={"javac": "install a JDK 17 or newer", "mvn": "install Maven 3.8 or newer"},
        build=(("mvn", "--quiet", "--batch-mode", "package", f"-DbuildDirectory={BUILT}/java"),),
        program=("java", "-jar", f"{BUILT}/java/reverie-client-conformance.jar"),
    ),
    Language(
        "cpp",
        needs={
            "cmake": "apt-get install cmake",
            "c++": "apt-get install g++",
            "protoc": "apt-get install protobuf-compiler libprotobuf-dev",
            "grpc_cpp_plugin": "apt-get install protobuf-compiler-grpc libgrpc++-dev",
        },
        build=(
            ("cmake", "-S", ".", "-B", f"{BUILT}/cpp", "-DCMAKE_BUILD_TYPE=Release"),
            ("cmake", "--build", f"{BUILT}/cpp", "--parallel", "2"),
        ),
        program=(f"{BUILT}/cpp/conformance",),
    ),
)
