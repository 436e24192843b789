"""Draws the measurements: an SVG file next to each known file bench/results/*.json.

python -m bench.plots [--results bench/results]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

OURS, OTHERS = "#b5332e", ("#3d5a80", "#6b8cae", "#8d99ae", "#b8b8a8", "#5b7b6f", "#c9ada7")


def step_time(axes: Any, found: Any) -> None:
    """Plot the milliseconds of a step by layer for each contender, at the first size and batch of the file."""
    first = found["rows"][0]
    rows = [r for r in found["rows"] if (r["size"], r["batch"]) == (first["size"], first["batch"])]
    names = list(first["contenders"])
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        heights = [1e3 * r["contenders"][name]["median"] for r in rows]
        color = OTHERS[k - 1] if k else OURS
        axes.bar([i + (k + 0.5) * width - 0.4 for i in range(len(rows))], heights, width, label=name, color=color)
    axes.set_xticks(range(len(rows)), [r["layer"] for r in rows], rotation=45)
    axes.set_ylabel("ms")
    axes.set_title(f"a step of VGG19, {first['size']} px, batch {first['batch']}")
    axes.legend(fontsize="small")


def renders(axes: Any, found: Any) -> None:
    """Plot activation, relative to that of Lucent's last picture, over seconds (logarithmic), a line per channel."""
    for row in found["rows"]:
        *_, (goal, _) = row["lucent"].values()
        for side, color in (("reverie", OURS), ("lucent", OTHERS[0])):
            points = [(seconds, value / goal) for value, seconds in row[side].values()]
            label = side if row is found["rows"][0] else None
            axes.plot(*zip(*points, strict=True), marker=".", color=color, alpha=0.6, label=label)
    axes.axhline(1, color="#999999", linewidth=0.5)
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel("activation over Lucent's at its end")
    axes.set_title(f"full renders, {found['size']} px")
    axes.legend()


def service(axes: Any, found: Any) -> None:
    """Plot steps per second through gRPC, relative to the engine's, by the number of clients."""
    kinds = list(dict.fromkeys(row["kind"] for row in found["rows"]))
    for kind, color in zip(kinds, (OURS, *OTHERS), strict=False):
        rows = [row for row in found["rows"] if row["kind"] == kind]
        axes.plot([r["clients"] for r in rows], [r["ratio"] for r in rows], marker="o", label=kind, color=color)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.1)
    axes.set_xlabel("clients at once")
    axes.set_ylabel("steps per second over the engine's own")
    axes.set_title("the service")
    axes.legend()


def growth(axes: Any, found: Any) -> None:
    """Plot the estimated duration of a step over the measured one."""
    taken = [1e3 * row["seconds"] for row in found["rows"]]
    axes.loglog(taken, [1e3 * row["foretold"] for row in found["rows"]], ".", color=OURS)
    ends = (min(taken), max(taken))
    axes.loglog(ends, ends, color="#999999", linewidth=0.5)
    axes.set_xlabel("ms a step took")
    axes.set_ylabel("ms it was foretold to take")
    axes.set_title("the estimate")


PLOTS: dict[str, Callable[[Any, Any], None]] = {
    "step_time": step_time,
    "renders-": renders,
    "service": service,
    "growth": growth,
}


def main() -> None:
    """Draw all plots."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("bench/results"))
    given = parser.parse_args()
    matplotlib.rcParams["svg.hashsalt"] = "reverie"  # equal figures give equal files
    for file in sorted(given.results.glob("*.json")):
        plot = next((plot for name, plot in PLOTS.items() if file.name.startswith(name)), None)
        if plot is None:
            continue
        figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
        plot(axes, json.loads(file.read_text()))
        figure.savefig(file.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
        plt.close(figure)
        print(file.with_suffix(".svg"))


if __name__ == "__main__":
    main()
