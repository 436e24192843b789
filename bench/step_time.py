"""The cost of a step of VGG19 by layer, size and batch: Reverie compared with the alternatives that a user has.

A step is the activation of the layer, the mean of one channel, and the gradient of that by the pictures. Weights are
random and the same for all. Every contender is a separate process; they take turns.
Writes bench/results/step_time.json.

    python -m bench.step_time [--layers conv5_1,...] [--sizes 224] [--batches 1] [--turns 10] [--threads 2]
                              [--contenders reverie,torch,...] [--device cpu|cuda]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from pathlib import Path

import numpy as np

from bench.contenders import CONTENDERS, TRUTH, Task, contestant
from bench.race import quartile, race_all
from tests.figures import write_json

LAYERS = ("conv1_1", "conv1_2", "conv2_2", "conv3_1", "conv3_4", "conv4_1", "conv4_4", "conv5_1", "conv5_4", "logits")


def measure(task: Task, names: list[str], turns: int) -> dict[str, dict[str, float]]:
    """Return each contender's seconds and mebibytes and, at batch 1, the accuracy of its gradient.

    `quartile` is the first quartile. `cosine` is that of the angle to the gradient in float64.
    """
    racers = {name: contestant(name, task) for name in names}
    times = race_all(racers, turns)
    found = {name: figures(taken) for name, taken in times.items()}
    if task.batch == 1:
        truth = TRUTH(task)()
        for name, racer in racers.items():
            found[name]["cosine"] = cosine(racer.answer(), truth)
    for name, racer in racers.items():
        found[name]["memory"] = racer.close()
    return found


def figures(seconds: list[float]) -> dict[str, float]:
    """Return the figures of a contender's steps."""
    return {"median": statistics.median(seconds), "quartile": quartile(seconds), "minimum": min(seconds)}


def line(title: str, seconds: list[float]) -> str:
    """Return a line of the table: milliseconds, and their ratio to the first contender's."""
    cells = (f"{each * 1e3:13.1f}  x{each / seconds[0]:5.2f}" for each in seconds)
    return f"{title:22}" + "".join(f"{cell:>22}" for cell in cells)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of the angle between two gradients."""
    return float((a.astype(np.float64) * b).sum() / np.linalg.norm(a.astype(np.float64)) / np.linalg.norm(b))


def main() -> None:
    """Race, print a row per task and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layers", default=",".join(LAYERS))
    parser.add_argument("--sizes", default="224")
    parser.add_argument("--batches", default="1")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--out", type=Path, default=Path("bench/results/step_time.json"))
    given = parser.parse_args()
    names = given.contenders.split(",")
    rows = []
    print(f"median ms of {given.turns} turns, {given.threads} threads; x: times as long as {names[0]}")
    print(f"{'':22}" + "".join(f"{name:>22}" for name in names), flush=True)
    for batch in map(int, given.batches.split(",")):
        for size in map(int, given.sizes.split(",")):
            for layer in given.layers.split(","):
                if layer == "logits" and size % 224:
                    continue  # its fully connected layers want 224 pixels
                task = Task(layer, size, batch, given.threads, given.device)
                found = measure(task, names, given.turns)
                rows.append({"layer": layer, "size": size, "batch": batch, "contenders": found})
                print(line(f"{layer:8} {size:4} px x {batch}", [f["median"] for f in found.values()]))
                print(line("first quartile", [f["quartile"] for f in found.values()]), flush=True)
                facts = {
                    "device": given.device,
                    "threads": given.threads,
                    "turns": given.turns,
                    "machine": platform.processor(),
                    "cores": os.cpu_count(),
                }
                write_json(given.out, {"facts": facts, "rows": rows})


if __name__ == "__main__":
    main()
