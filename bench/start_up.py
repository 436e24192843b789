"""How soon Reverie is there: importing the client, and a server from its start to its first answer.

    python -m bench.start_up [--runs 7]

Run it in the environment of the server (`.venv/serve`) to measure what its users have.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from reverie_proto.v1.visualization_pb2 import GetServerInfoRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

REVERIE = Path(sys.executable).with_name("reverie")


def import_client() -> float:
    """Return the seconds that `import reverie` takes in a new interpreter, the interpreter's own start not counted."""
    code = "import time; begin = time.perf_counter(); import reverie; print(time.perf_counter() - begin)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def serve() -> float:
    """Return the seconds from starting the command to the first answer over gRPC; the embedded model is served."""
    begin = time.perf_counter()
    command = [str(REVERIE), "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().rpartition(" on ")[2].split()[0]
        with grpc.insecure_channel(address) as channel:
            VisualizationServiceStub(channel).GetServerInfo(GetServerInfoRequest(), timeout=20)
        took = time.perf_counter() - begin
        server.terminate()
    return took


MEASURED: dict[str, tuple[Callable[[], float], float]] = {"import reverie": (import_client, 0.5), "serve": (serve, 3.0)}


def main() -> None:
    """Print medians and bars, in seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(f"torch is {'installed' if importlib.util.find_spec('torch') else 'not installed'} here")
    for name, (measure, bar) in MEASURED.items():
        seconds = [measure() for _ in range(runs)]
        print(f"{name:16} median {statistics.median(seconds):5.2f} s   least {min(seconds):5.2f} s   bar {bar} s")


if __name__ == "__main__":
    main()
