"""Host services that pin protobuf: the client can be installed with each pin, imports, and renders.

``python -m tests.reliability.hosts`` makes an environment for each pin and requests a picture from one server, which
runs in this environment; all hosts must get the same bytes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.models import write_tiny_model
from tests.reliability.process import ServerProcess

ROOT = Path(__file__).parents[2]

PINS = ("protobuf==4.25.*", "protobuf==5.*", "protobuf==6.*", "protobuf==7.*")

HOST = """
import hashlib, sys, google.protobuf, grpc, reverie
with reverie.Client(sys.argv[1]) as client:
    assert [model.name for model in client.models()] == ["tiny"]
    picture = client.render("tiny", "conv1_1", 1, size=32, steps=3)
    events = [type(event).__name__ for event in client.stream("tiny", "conv1_1", 1, size=32, steps=3)]
    assert events[0] == "Accepted" and events[-1] == "Rendering", events
    try:
        client.render("tiny", "conv9_9", 1)
    except reverie.NotFound as error:
        assert "conv1_1" in str(error), error
    else:
        raise AssertionError("no error")
print(google.protobuf.__version__, grpc.__version__, hashlib.sha256(picture.image.tobytes()).hexdigest()[:16])
"""


def host(pin: str, address: str) -> list[str]:
    """Make an environment with the client and a pin, and render in it; return protobuf, grpcio and the picture."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", pin, str(ROOT)], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "check"], check=True, capture_output=True)
        ended = subprocess.run(
            [python, "-W", "error", "-c", HOST, address], check=False, capture_output=True, text=True, cwd=folder
        )
        assert ended.returncode == 0, f"{pin}: {ended.stderr}"
        return ended.stdout.split()


def main() -> None:
    """Run the check, and print the versions of each host."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pins", nargs="*", default=PINS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder) / "tiny")
        with ServerProcess("--models", folder) as server:
            pictures = set()
            for pin in arguments.pins:
                protobuf, grpcio, picture = host(pin, server.address)
                pictures.add(picture)
                print(f"{pin}: protobuf {protobuf}, grpcio {grpcio}, picture {picture}", flush=True)
    if len(pictures) != 1:
        sys.exit("the hosts got different pictures")


if __name__ == "__main__":
    main()
