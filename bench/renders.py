"""Compares full renders of Reverie with those of torch-lucent: the activation that they reach, and how fast.

    python -m bench.renders [--network texture19|vgg19] [--preset reverie] [--channels 16] [--ours 32,64,160,512]
                            [--lucent 32,64,128,256,512] [--size 224] [--threads 2] [--models FOLDER]
                            [--device cpu|cuda] [--resume]

Both sides optimise the mean of one channel of the same network, start from seed 0 and use their own standard
transforms. Lucent's `render_vis` runs once and is measured at several steps; a preset of Reverie is rendered again for
each number of steps, because its schedule depends on it. The measure of a picture is the mean of the channel on the
picture itself. The seconds include building the program. The last column is how many times sooner Reverie reaches
Lucent's final activation. Writes bench/results/renders-NETWORK-PRESET.json and, next to it, a sheet of the pictures of
both. `vgg19` has random weights: ``--models`` is the folder that
`reverie export vgg19 --weights random:0 --out FOLDER --name vgg19` makes. It takes seven minutes per channel; with
``--resume`` the channels that were written before are kept, and only the others are rendered.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from reverie_server import Engine
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS

from bench.contact import read_sheet, write_sheet
from bench.lucent import LAYERS, NETWORKS, Picture, by_lucent
from tests.figures import write_json

#: Pictures in a row of the sheet.
COLUMNS = 8

# ----- Reverie's side -----


def by_reverie(
    engine: Engine, network: str, layer: str, channel: int, *, preset: str, steps: Sequence[int], size: int
) -> dict[int, tuple[float, Picture]]:
    """Return the same for a preset of Reverie, a render per number of steps; each includes building the program."""

    def timed(n: int) -> tuple[float, Picture]:
        begin = time.perf_counter()
        rendering = engine.render(network, layer, channel, preset=preset, steps=n, size=size)
        return time.perf_counter() - begin, rendering.array

    built = timed(1)[0] - timed(1)[0]
    return {n: (seconds + built, picture) for n, (seconds, picture) in ((n, timed(n)) for n in steps)}


# ----- results -----

Side = dict[int, tuple[float, float]]


@dataclass
class Row:
    """The results of a channel: activation and seconds by number of steps on both sides, and the pictures to show."""

    layer: str
    channel: int
    reverie: Side
    lucent: Side
    pictures: tuple[Picture, Picture]

    @property
    def sooner(self) -> float:
        """How many times sooner Reverie reaches Lucent's final activation; 0 if it never does."""
        goal, whole_s = self.lucent[max(self.lucent)]
        there = [seconds for reached, seconds in self.reverie.values() if reached >= goal]
        return whole_s / min(there) if there else 0.0

    def ratio(self, steps: int) -> float | None:
        """Return Reverie's activation after ``steps`` over Lucent's final one; None if that is not above 0."""
        goal = self.lucent[max(self.lucent)][0]
        return self.reverie[steps][0] / goal if goal > 0 else None

    def __str__(self) -> str:
        """Return the row of the printed table."""
        figures = (*self.reverie.values(), *self.lucent.values())
        cells = "".join(f"{value:9.3f} {seconds:5.1f} s" for value, seconds in figures)
        return f"{self.layer:8}{self.channel:4}{cells}{self.sooner:8.1f}"


def write(rows: list[Row], out: Path, **figures: object) -> None:
    """Write the rows, and a sheet: rows of eight pictures of Reverie, each above a row of Lucent's."""
    plain = [{name: value for name, value in vars(row).items() if name != "pictures"} for row in rows]
    write_json(out.with_suffix(".json"), figures | {"rows": plain})
    eights = [[row.pictures for row in rows[i : i + COLUMNS]] for i in range(0, len(rows), COLUMNS)]
    sheet = [picture for eight in eights for side in zip(*eight, strict=True) for picture in _filled(list(side))]
    write_sheet(sheet, out.with_suffix(".png"), columns=COLUMNS)


def read(out: Path) -> list[Row]:
    """Return the rows that `write` wrote, with the pictures at the sheet's resolution; empty without a file."""
    if not out.with_suffix(".json").exists():
        return []
    saved = json.loads(out.with_suffix(".json").read_text())["rows"]
    shown = read_sheet(out.with_suffix(".png"), 2 * COLUMNS * -(-len(saved) // COLUMNS), columns=COLUMNS)
    rows = []
    for k, row in enumerate(saved):
        first = k // COLUMNS * 2 * COLUMNS + k % COLUMNS
        reverie, lucent = (
            {int(n): (value, seconds) for n, (value, seconds) in row[side].items()} for side in ("reverie", "lucent")
        )
        rows.append(Row(row["layer"], row["channel"], reverie, lucent, (shown[first], shown[first + COLUMNS])))
    return rows


def _filled(pictures: list[Picture]) -> list[Picture]:
    """Fill the rest of a row of a sheet with white."""
    return pictures + [np.ones((8, 8, 3), np.float32)] * (COLUMNS - len(pictures))


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
    parser.add_argument("--resume", action="store_true", help="continue after the channels that are already written")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    model = NETWORKS[given.network]().eval().to(given.device)
    ours, theirs = (sorted(map(int, text.split(","))) for text in (given.ours, given.lucent))
    shown = min(ours, key=lambda n: abs(n - PRESETS[given.preset].steps))
    out = given.out or Path(f"bench/results/renders-{given.network}-{given.preset}")
    rows = read(out) if given.resume else []
    print(f"activation and seconds after so many steps; {given.network}, {given.size} px, {given.threads} threads")
    heads = [*(f"{given.preset} {n}" for n in ours), *(f"lucent {n}" for n in theirs)]
    print(f"{'':12}" + "".join(f"{head:>17}" for head in heads) + f"{'sooner':>8}")
    print("".join(f"{row}\n" for row in rows), end="", flush=True)
    with Engine(given.models and [given.models], threads=given.threads, device=given.device) as engine:
        engine.render(given.network, LAYERS[0], 0, steps=2, size=given.size)  # warm up
        for k in range(len(rows), given.channels):
            layer, channel = LAYERS[k % len(LAYERS)], 3 + 5 * (k // len(LAYERS))
            a = by_reverie(engine, given.network, layer, channel, preset=given.preset, steps=ours, size=given.size)
            b = by_lucent(model, layer, channel, steps=theirs, size=given.size)
            reverie, lucent = (
                {n: (model.activation(layer, channel, picture), s) for n, (s, picture) in side.items()}
                for side in (a, b)
            )
            rows.append(Row(layer, channel, reverie, lucent, (a[shown][1], b[theirs[-1]][1])))
            print(rows[-1], flush=True)
            write(rows, out, size=given.size, threads=given.threads)
    ratios = [ratio for row in rows if (ratio := row.ratio(shown)) is not None]
    sooner = [row.sooner for row in rows]
    print(
        f"activation at {shown} steps over Lucent's: median {statistics.median(ratios):.3f}, lowest {min(ratios):.3f}"
    )
    print(
        f"what Lucent reaches at its end is reached sooner: median {statistics.median(sooner):.1f} times, "
        f"lowest {min(sooner):.1f}"
    )


if __name__ == "__main__":
    main()
