"""Generate `reverie_proto` from the .proto files; with `--check`, only compare and print the differences.

`make proto` runs it with the oldest usable compiler (grpcio-tools 1.62.3): its code loads on protobuf 4.25 and every
newer runtime, while code from a newer compiler refuses older runtimes.

On the wire and in reflection the files are named `reverie/v1/*.proto`, as buf's STANDARD rules require. In Python they
are in `reverie_proto`, because `reverie` is the client. protoc derives Python imports from file names, so this script
renames the imports.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent
TARGET = HERE / "reverie_proto" / "v1"
#: The folder in which the compiler keeps google/protobuf/*.proto.
KNOWN = Path(protoc.__file__).parent / "_proto"


def generated() -> dict[str, str]:
    """Compile every .proto file; return the text of each module by its file name in `reverie_proto.v1`."""
    sources = sorted(str(path.relative_to(HERE)) for path in (HERE / "reverie").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        outputs = [f"--{kind}_out={scratch}" for kind in ("python", "pyi", "grpc_python")]
        if protoc.main(["protoc", f"-I{HERE}", f"-I{KNOWN}", *outputs, *sources]) != 0:
            sys.exit(1)
        modules = {"__init__.py": '"""Messages and stubs of `reverie.v1`, generated: never edited."""\n'}
        for made in sorted(Path(scratch, "reverie", "v1").iterdir()):
            text = re.sub(r"^(from|import) reverie\.v1", r"\1 reverie_proto.v1", made.read_text(), flags=re.MULTILINE)
            if not made.name.endswith("_grpc.py") or "Stub" in text:  # most files define no service
                modules[made.name] = text
    return modules


def main() -> None:
    """Write the package, or compare it with the existing files."""
    new = generated()
    old = {path.name: path.read_text() for path in sorted(TARGET.glob("*.py*"))}
    if sys.argv[1:] == ["--check"]:
        if differing := sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name)):
            sys.exit(f"out of date, run `make proto`: {', '.join(differing)}")
        return
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for name, text in new.items():
        (TARGET / name).write_text(text)


if __name__ == "__main__":
    main()
