"""Generate `reverie_proto` from the .proto files.

Run by `make proto` with the oldest compiler that serves (grpcio-tools 1.62.3): its code loads on protobuf 4.25 and every
newer runtime, where code from a new compiler refuses older ones.

On the wire and in reflection the files are named `reverie/v1/*.proto`, as buf's STANDARD rules want; in Python they live in
`reverie_proto`, because `reverie` is the client. protoc derives Python imports from file names, so they are renamed here.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent
PACKAGE = HERE / "reverie_proto"


def main() -> int:
    """Replace the generated package; return protoc's exit status."""
    sources = sorted(str(path.relative_to(HERE)) for path in (HERE / "reverie").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        status = protoc.main(
            ["protoc", f"-I{HERE}", f"--python_out={scratch}", f"--pyi_out={scratch}", f"--grpc_python_out={scratch}"]
            + sources
        )
        if status != 0:
            return int(status)
        target = PACKAGE / "v1"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "__init__.py").write_text('"""Messages and stubs of `reverie.v1`, generated: never edited."""\n')
        for made in sorted(Path(scratch, "reverie", "v1").iterdir()):
            text = re.sub(r"^(from|import) reverie\.v1", r"\1 reverie_proto.v1", made.read_text(), flags=re.MULTILINE)
            if made.name == "visualization_pb2_grpc.py":
                (target / made.name).write_text(text)
            elif not made.name.endswith("_grpc.py"):  # the other files define no service
                (target / made.name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
