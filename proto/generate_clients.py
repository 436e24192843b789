"""Generate the code of other languages that is committed, in clients/; with `--check`, only compare.

buf (see the group `check` of pyproject.toml) runs the plugins that buf.gen.yaml names. They are installed in .build/bin
at the versions below, so that everybody generates the same bytes. Needs Go.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
TOOLS = ROOT / ".build" / "bin"
PLUGINS = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0",
}
#: The folder of each client that is generated, and its copy of what all clients share.
GENERATED = (Path("clients/go/reveriev1"),)
COPIES = (Path("clients/go/service_config.json"),)
SHARED = Path("clients/service_config.json")


def install() -> None:
    """Install the plugins; a plugin of another version is replaced."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for package in PLUGINS.values():
        subprocess.run(["go", "install", package], env=os.environ | {"GOBIN": str(TOOLS.resolve())}, check=True)


def generate(root: Path) -> None:
    """Write all generated files below a root that has the folder proto."""
    for folder in GENERATED:
        shutil.rmtree(root / folder, ignore_errors=True)
    buf = Path(sys.executable).parent / "buf"
    path = f"{TOOLS.resolve()}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([buf, "generate"], cwd=root / "proto", env=os.environ | {"PATH": path}, check=True)
    for copy in COPIES:
        (root / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / SHARED, root / copy)


def contents(root: Path) -> dict[str, bytes]:
    """Return all generated files of a root by their paths."""
    files = [path for folder in GENERATED for path in sorted((root / folder).rglob("*")) if path.is_file()]
    files += [root / copy for copy in COPIES]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files if path.exists()}


def main() -> None:
    """Write the code, or compare it with what is there."""
    install()
    if sys.argv[1:] != ["--check"]:
        generate(ROOT)
        return
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(HERE, Path(scratch) / "proto")
        generate(Path(scratch))
        new, old = contents(Path(scratch)), contents(ROOT)
    if differing := sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name)):
        sys.exit(f"out of date, run `make clients`: {', '.join(differing)}")


if __name__ == "__main__":
    main()
