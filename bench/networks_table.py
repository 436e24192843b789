"""Writes the table of docs/networks.md from the measurements of bench.networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.networks_list import NETWORKS

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"
PLACES = ("early", "middle", "last")
BAR, BAR_OF_DOUBT = 1e-4, 5e-3

HEAD = """# Networks

This page compares the gradients of exported layers with `torch.autograd`, as relative L2 distance in float32, for three
layers of each network: an early one, one in the middle and the last. The networks have random weights from seed 0
(constant weights with noise). The figures are medians of five random pictures of the native size, with random
cotangents. The graphs run in ONNX Runtime on the CPU; torch runs the network as its library builds it.

A row is green if all three layers are within 1e-4 of torch in float32. If sums are rounded in another order, a value
near zero may fall on the other side of a ReLU, and its whole gradient then appears or disappears. If a run of torch in
float64 shows that this puts torch's own float32 off by more than 1e-4 on one of the pictures, the distance is measured
from float64 and must be within 5e-3; the worst of torch's own distances is given beside it.

torch is changed in two ways. If a network's initial weights lose the picture in float32 (GoogLeNet, Inception v3), they
are drawn again, in He's scale. And cotangents of batch normalisations are first copied into the usual memory order: for
one picture with its channels last, torch 2.14.1 returns another gradient, which its own finite differences contradict
(`efficientformer_l1`: off by 1.4, while ours agrees with them).

`make networks` makes this page and continues where it stopped; the rows are in `bench/results/networks.json`.
"""


def write_table(rows: Mapping[str, Any]) -> None:
    """Write the page."""
    listed = [name for family in NETWORKS.values() for name in family if name in rows]
    green = sum(not problem(rows[name]) for name in listed)
    parts = [HEAD, f"{green} of {len(listed)} are green.\n"]
    for family, names in NETWORKS.items():
        if lines := [_line(name, rows[name]) for name in names if name in rows]:
            parts.append(_section(family, lines))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def problem(row: Mapping[str, Any]) -> str:
    """Return why a row fails; empty if it passes."""
    if "problem" in row:
        return str(row["problem"])
    return "; ".join(f"{place}: {_reason(found)}" for place, found in row["places"].items() if not _within(found))


def _reason(found: Mapping[str, Any]) -> str:
    reason = f"off by {_distance(found):.1e}"
    if _in_doubt(found) and found["torch_float32_error"] > BAR_OF_DOUBT:
        reason += f", where torch's own float32 is off by {found['torch_float32_error']:.1e} as well"
    return reason


def _in_doubt(found: Mapping[str, Any]) -> bool:
    return bool(found["torch_worst"] > BAR)


def _distance(found: Mapping[str, Any]) -> float:
    return float(found["gradient_error_float64" if _in_doubt(found) else "gradient_error"])


def _within(found: Mapping[str, Any]) -> bool:
    return _distance(found) <= (BAR_OF_DOUBT if _in_doubt(found) else BAR)


def _section(family: str, lines: Sequence[str]) -> str:
    head = [
        "",
        f"## {family}",
        "",
        "| network | px | layers | early | middle | last | |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines, ""])


def _line(name: str, row: Mapping[str, Any]) -> str:
    if "problem" in row:
        return f"| `{name}` | | | | | | {row['problem'].replace('|', '/')} |"
    cells = [_cell(row["places"][place]) for place in PLACES]
    return f"| `{name}` | {row['size']} | {row['layers']} | {' | '.join(cells)} | {problem(row) or 'green'} |"


def _cell(found: Mapping[str, Any]) -> str:
    doubt = f" (torch: {found['torch_worst']:.0e})" if _in_doubt(found) else ""
    return f"`{found['layer']}` {_distance(found):.0e}{doubt}"
