"""How the cost of a step grows with the picture, the depth and the batch, and how accurate the estimates are.

Steps of the default preset's program are timed over layers, sizes and batches of texture19 and of the models in a
folder; then the factors of `reverie_server.scheduler.estimate` are fitted to them (least squares of relative errors,
none negative) and printed next to those in use. Writes bench/results/growth.json.

    python -m bench.growth [--models FOLDER] [--layers conv1_2,...] [--sizes 64,...] [--batches 1,4] [--threads 2]
                           [--refit]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import astuple
from pathlib import Path

import numpy as np
from reverie_ascent import ascend
from reverie_ascent.models.repository import Model, ModelRepository, embedded_models
from reverie_ascent.program import build, program_key
from reverie_ascent.recipe import Recipe
from reverie_ascent.runtime.session import Device, choose_device
from reverie_server.scheduler import estimate

from bench.recipe import recipe
from tests.figures import write_json

CHANNEL = 1
STEPS, SECONDS = 9, 4.0
"""The number of timed steps, and the seconds after which three are enough."""


def step_seconds(model: Model, wanted: Recipe, batch: int, device: Device) -> float:
    """Return the median seconds of a step, without the first two."""
    taken = []
    steps = ascend(build(model, wanted, batch=batch, device=device), [wanted] * batch)
    for _ in range(STEPS):
        begin = time.perf_counter()
        next(steps)
        taken.append(time.perf_counter() - begin)
        if len(taken) > 4 and sum(taken) > SECONDS:
            break
    steps.close()
    return statistics.median(taken[2:])


def fit(rows: list[tuple[float, ...]], seconds: list[float]) -> np.ndarray:
    """Return the non-negative factors with the least sum of squared relative errors (Lawson and Hanson 1974)."""
    from scipy.optimize import nnls

    weighed = np.array(rows) / np.array(seconds)[:, None]
    factors, _ = nnls(weighed, np.ones(len(seconds)))
    return np.asarray(factors)


def main() -> None:
    """Print a row per program, and the factors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=Path, help="folder that holds an exported vgg19")
    parser.add_argument("--layers", default="conv1_2,conv2_2,conv3_2,conv4_2,conv5_1,conv5_4,logits")
    parser.add_argument("--sizes", default="64,128,224,320")
    parser.add_argument("--batches", default="1,4")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--refit", action="store_true", help="fit to the seconds that --out holds already")
    parser.add_argument("--out", type=Path, default=Path("bench/results/growth.json"))
    given = parser.parse_args()
    device = choose_device("cpu", threads=given.threads)
    store = ModelRepository([embedded_models(), *([given.models] if given.models else [])])
    kept = json.loads(given.out.read_text())["rows"] if given.refit else []
    programs = [(row["model"], row["layer"], row["size"], row["batch"]) for row in kept] or [
        (model.name, layer, size, batch)
        for model in store.models()
        for layer in given.layers.split(",")
        for size in map(int, given.sizes.split(","))
        for batch in map(int, given.batches.split(","))
        if model.name != "vgg19" or model.layers[layer].layer.spatial or size % 224 == 0
    ]
    rows: list[dict[str, object]] = []
    works, seconds = [], []
    print(f"{'':32}{'ms':>9}{'foretold':>9}{'ratio':>7}")
    for number, (name, layer, size, batch) in enumerate(programs):
        model = store.model(name)
        wanted = recipe(model, layer, size, CHANNEL)
        took = kept[number]["seconds"] if kept else step_seconds(model, wanted, batch, device)
        work = estimate.work(model, program_key(wanted), batch, device)
        works.append(astuple(work))
        seconds.append(took)
        what = f"{name} {layer}, {size} px x {batch}"
        print(f"{what:32}{took * 1e3:9.1f}{work.seconds * 1e3:9.1f}{work.seconds / took:7.2f}", flush=True)
        row = {"model": name, "layer": layer, "size": size, "batch": batch}
        rows.append(row | {"seconds": took, "foretold": work.seconds})
        write_json(given.out, {"threads": given.threads, "rows": rows + kept[number + 1 :]})
    fitted = fit(works, seconds)
    for name, factors in (("in use", np.array(estimate.FACTORS)), ("fitted", fitted)):
        ratios = np.array(works) @ factors / seconds
        spread = "".join(f"{q:7.2f}" for q in np.quantile(ratios, [0, 0.1, 0.5, 0.9, 1]))
        print(f"factors {name}: {', '.join(f'{f:.3g}' for f in factors)}; foretold over taken, quantiles{spread}")


if __name__ == "__main__":
    main()
