"""Full renders, Reverie's against torch-lucent's: who excites a unit more, and who is there sooner?

    python -m bench.renders [--network texture19|vgg19] [--preset reverie] [--channels 16] [--ours 32,64,160,512]
                            [--lucent 32,64,128,256,512] [--size 224] [--threads 2] [--models FOLDER]
                            [--device cpu|cuda]

Both sides optimise the mean of one channel of the same network, start from seed 0 and use their own standard
transforms. Lucent's `render_vis` runs once and is looked at on its way; a preset of ours is rendered anew for each
number of steps, because its schedule depends on it. Every picture is judged by one measure: the mean of the channel on
the picture itself. The seconds are those of rendering, building the program included. Told at the end is how much
sooner ours has reached what Lucent reaches at its end. Writes bench/results/renders-NETWORK-PRESET.json and, beside it,
a sheet of both sides' pictures. `vgg19` has random weights: ``--models`` names what
`reverie export vgg19 --weights random:0 --out FOLDER` makes.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from reverie_server import Engine
from reverie_server.presets import DEFAULT_PRESET, PRESETS

from bench.contact import write_sheet
from bench.lucent import LAYERS, NETWORKS, Picture, by_lucent
from bench.results import write_json

# ----- our side -----


def by_reverie(
    engine: Engine, network: str, layer: str, channel: int, *, preset: str, steps: Sequence[int], size: int
) -> dict[int, tuple[float, Picture]]:
    """The same by a preset of ours, a render for each number of steps, and building the program counted in each."""

    def timed(n: int) -> tuple[float, Picture]:
        begin = time.perf_counter()
        rendering = engine.render(network, layer, channel, preset=preset, steps=n, size=size)
        return time.perf_counter() - begin, rendering.array

    built = timed(1)[0] - timed(1)[0]
    return {n: (seconds + built, picture) for n, (seconds, picture) in ((n, timed(n)) for n in steps)}


def main() -> None:
    """Print a row per channel and the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="texture19", choices=NETWORKS)
    parser.add_argument("--models", type=Path, help="folder of model folders, if not the embedded one")
    parser.add_argument("--preset", default=DEFAULT_PRESET, choices=PRESETS)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--ours", default="32,64,160,512")
    parser.add_argument("--lucent", default="32,64,128,256,512")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where to write, without an ending")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    model = NETWORKS[given.network]().eval().to(given.device)
    ours, theirs = (sorted(map(int, text.split(","))) for text in (given.ours, given.lucent))
    shown = min(ours, key=lambda n: abs(n - PRESETS[given.preset].steps))
    out = given.out or Path(f"bench/results/renders-{given.network}-{given.preset}")
    rows: list[dict[str, object]] = []
    ratios, sooner, pictures = [], [], ([], [])  # type: ignore[var-annotated]
    print(f"activation and seconds after so many steps; {given.network}, {given.size} px, {given.threads} threads")
    heads = [*(f"{given.preset} {n}" for n in ours), *(f"lucent {n}" for n in theirs)]
    print(f"{'':12}" + "".join(f"{head:>17}" for head in heads) + f"{'sooner':>8}")
    with Engine(given.models and [given.models], threads=given.threads, device=given.device) as engine:
        engine.render(given.network, LAYERS[0], 0, steps=2, size=given.size)  # measures the machine, the first time
        for k in range(given.channels):
            layer, channel = LAYERS[k % len(LAYERS)], 3 + 5 * (k // len(LAYERS))
            a = by_reverie(engine, given.network, layer, channel, preset=given.preset, steps=ours, size=given.size)
            b = by_lucent(model, layer, channel, steps=theirs, size=given.size)
            sides = [
                {n: (model.activation(layer, channel, p), s) for n, (s, p) in side.items()} for side in (a, b)
            ]  # fmt: skip
            goal, whole = sides[1][theirs[-1]]
            there = [seconds for reached, seconds in sides[0].values() if reached >= goal]
            sooner.append(whole / min(there) if there else 0.0)
            if goal > 0:  # a unit of random weights may stay below
                ratios.append(sides[0][shown][0] / goal)
            for pile, picture in zip(pictures, (a[shown][1], b[theirs[-1]][1]), strict=True):
                pile.append(picture)
            names = ("reverie", "lucent")
            rows.append({"layer": layer, "channel": channel} | dict(zip(names, sides, strict=True)))
            cells = "".join(f"{value:9.3f} {seconds:5.1f} s" for side in sides for value, seconds in side.values())
            print(f"{layer:8}{channel:4}{cells}{sooner[-1]:8.1f}", flush=True)
            write_json(out.with_suffix(".json"), {"size": given.size, "threads": given.threads, "rows": rows})
            sheet = [p for i in range(0, len(rows), 8) for pile in pictures for p in _row(pile[i : i + 8])]
            write_sheet(sheet, out.with_suffix(".png"))
    print(
        f"activation at {shown} steps over Lucent's: median {statistics.median(ratios):.3f}, lowest {min(ratios):.3f}"
    )
    print(f"what Lucent reaches at its end is reached sooner: median {statistics.median(sooner):.1f} times, "
          f"lowest {min(sooner):.1f}")  # fmt: skip


def _row(pictures: list[Picture]) -> list[Picture]:
    """Fill a row of a sheet up with white."""
    return pictures + [np.ones((8, 8, 3), np.float32)] * (8 - len(pictures))


if __name__ == "__main__":
    main()
