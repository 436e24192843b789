"""Do equal makers make equal pictures? Five processes with five empty caches, 1 and 2 threads, quiet and loaded.

Prints a row for each spec with the SHA-256 of its picture, and ends with exit status 1 where two differ.

    python -m bench.same_bytes [--busy 4] [--steps 16]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.busy import busy_neighbours

#: Layer of texture19, channel, and the options of a render.
SPECS: tuple[tuple[str, int, dict[str, int | str]], ...] = (
    ("conv1_2", 1, {"size": 128}),
    ("conv2_2", 3, {"size": 160}),
    ("conv3_1", 1, {"size": 128}),
    ("relu3_3", 5, {"size": 96, "transforms": "none"}),
    ("pool3", 2, {"size": 100, "seed": 7}),
    ("conv4_2", 7, {"size": 112, "parametrization": "pixel"}),
    ("conv5_1", 1, {"size": 96, "preset": "lucid"}),
    ("logits", 4, {"size": 64}),
)

PROCESSES = 5
THREADS = (1, 2)


def render(threads: int, steps: int) -> dict[str, object]:
    """Render the specs; return the maker's name and the pictures' digests."""
    from reverie_server import Engine

    with Engine(device="cpu", threads=threads) as engine:
        made = [
            engine.render("texture19", layer, channel, steps=steps, **options)  # type: ignore[arg-type]
            for layer, channel, options in SPECS
        ]
        digests = [hashlib.sha256(rendering.array.tobytes()).hexdigest() for rendering in made]
        return {"maker": engine.info().maker, "digests": digests}


def measure(threads: int, steps: int) -> dict[str, object]:
    """Render in a new process with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        result = subprocess.run(
            [sys.executable, "-m", "bench.same_bytes", "--render", str(threads), "--steps", str(steps)],
            env=os.environ | {"XDG_CACHE_HOME": str(Path(cache))},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found: dict[str, object] = json.loads(result.stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--render", type=int, metavar="THREADS", help="render once, in this process")
    parser.add_argument("--busy", type=int, default=4, help="busy loops beside the loaded half")
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    if given.render:
        print(json.dumps(render(given.render, given.steps)))
        return
    found: list[tuple[str, dict[str, object]]] = []
    for name, loops in (("quiet", 0), (f"beside {given.busy} busy loops", given.busy)):
        with busy_neighbours(loops):
            for threads in THREADS:
                for number in range(PROCESSES):
                    load = os.getloadavg()[0]
                    found.append((f"{name}, {threads} threads, process {number + 1}", measure(threads, given.steps)))
                    print(f"{found[-1][0]}: load {load:.1f}", file=sys.stderr, flush=True)
    makers = {str(each["maker"]) for _, each in found}
    print(f"{len(found)} processes, {given.steps} steps; maker {', '.join(sorted(makers))}")
    different = 0
    for index, (layer, channel, options) in enumerate(SPECS):
        digests = {each["digests"][index] for _, each in found}  # type: ignore[index]
        different += len(digests) > 1
        text = " ".join(f"{key}={value}" for key, value in options.items())
        print(f"{layer:8} {channel}  {text:32} pictures: {len(digests)}  {' '.join(sorted(digests))}")
    sys.exit(1 if different or len(makers) > 1 else 0)


if __name__ == "__main__":
    main()
