"""Start-up time and memory of the client, the server, and the first picture of a layer after a start.

    python -m bench.start_up [--runs 7] [--models FOLDER] [--layers conv1_2,...] [--steps 64]

Run it in the environment of the server (`.venv/serve`) to measure what its users have. For each layer, of texture19 and
of a vgg19 in a folder, a separate process renders twice. Printed are the seconds until the first picture, including
loading its program, and until the second, and the most mebibytes used. Writes bench/results/start_up.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from reverie_proto.v1.visualization_pb2 import GetServerInfoRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.figures import write_json
from tests.memory import peak_mib

REVERIE = Path(sys.executable).with_name("reverie")


def import_client() -> float:
    """Return the seconds that `import reverie` takes in a new interpreter, without the interpreter's own start."""
    code = "import time; begin = time.perf_counter(); import reverie; print(time.perf_counter() - begin)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def serve() -> float:
    """Return the seconds from starting the command to the first response by gRPC, with the embedded model."""
    begin = time.perf_counter()
    command = [str(REVERIE), "serve", "--listen", "127.0.0.1:0", "--store", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().rpartition(" on ")[2].split()[0]
        with grpc.insecure_channel(address) as channel:
            VisualizationServiceStub(channel).GetServerInfo(GetServerInfoRequest(), timeout=20)
        took = time.perf_counter() - begin
        server.terminate()
    return took


MEASURED: dict[str, tuple[Callable[[], float], float]] = {"import reverie": (import_client, 0.5), "serve": (serve, 3.0)}


# ----- one layer, in a separate process -----


def first_pictures(models: str, model: str, layer: str, steps: int) -> dict[str, float]:
    """Render twice after a start; return the seconds of both, and the most mebibytes used."""
    from reverie_server import Engine

    with Engine([models] if models else None) as engine:
        engine.verify()  # as a server does before it is ready
        taken = []
        for channel in (1, 2):
            begin = time.perf_counter()
            engine.render(model, layer, channel, steps=steps)
            taken.append(time.perf_counter() - begin)
    return {
        "first_s": taken[0],
        "warm_s": taken[1],
        "ratio": taken[0] / taken[1],  # within one process, because the machine's speed varies between processes
        "memory_mib": peak_mib(),
    }


def by_layer(models: str, model: str, layer: str, steps: int, runs: int) -> dict[str, float]:
    """Return the medians of `first_pictures` over some processes."""
    command = [sys.executable, "-m", "bench.start_up", "--one", models, model, layer, "--steps", str(steps)]
    found = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(runs)
    ]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def main() -> None:
    """Print medians and bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--models", default="", help="folder that holds an exported vgg19 as well")
    parser.add_argument("--layers", default="conv1_2,conv3_1,conv5_1,logits")
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "MODEL", "LAYER"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("bench/results/start_up.json"))
    given = parser.parse_args()
    if given.one:
        folder, model, layer = given.one
        print(json.dumps(first_pictures(folder, model, layer, given.steps)))
        return
    print(f"torch is {'installed' if importlib.util.find_spec('torch') else 'not installed'} here")
    starts = {}
    for name, (measure, bar) in MEASURED.items():
        seconds = [measure() for _ in range(given.runs)]
        starts[name] = statistics.median(seconds)
        print(f"{name:16} median {starts[name]:5.2f} s   least {min(seconds):5.2f} s   bar {bar} s")
    rows = []
    print(f"{'':22}{'first s':>9}{'warm s':>9}{'ratio':>7}{'MiB':>7}   {given.steps} steps")
    for folder, model in (("", "texture19"), *([(given.models, "vgg19")] if given.models else [])):
        for layer in given.layers.split(","):
            row = by_layer(folder, model, layer, given.steps, max(1, given.runs // 2))
            rows.append({"model": model, "layer": layer, **row})
            print(f"{model + ' ' + layer:22}{row['first_s']:9.2f}{row['warm_s']:9.2f}{row['ratio']:7.2f}"
                  f"{row['memory_mib']:7.0f}", flush=True)  # fmt: skip
            write_json(given.out, {"starts": starts, "steps": given.steps, "rows": rows})


if __name__ == "__main__":
    main()
