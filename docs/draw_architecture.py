"""Draws docs/images/architecture.svg from the law of imports in tests/law_of_imports.py.

``python -m docs.draw_architecture`` writes the picture; ``--check`` fails if it is not the one that the law gives.
A package stands above those that it may import; inside of a package its folders are listed in the same order.
"""

from __future__ import annotations

import argparse
import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.law_of_imports import LAWS, ORDERS, Law

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

WIDTH, MARGIN, GAP_X, GAP_Y = 900, 20, 24, 56
TITLE, LINE, PAD = 24, 19, 12

#: What each package is for, in one line; a package without one is an error.
PURPOSES = {
    "reverie": "the SDK and the reverie command",
    "reverie_server": "many pictures for many people",
    "reverie_ascent": "from a recipe to pictures, on ONNX Runtime",
    "reverie_export": "from a network to a model folder",
    "reverie_gradient": "input gradients of ONNX graphs",
    "reverie_proto": "the wire and the manifest",
}


@dataclass(frozen=True)
class Box:
    """A package with its place in the picture, in pixels."""

    name: str
    lines: Sequence[str]
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The horizontal centre."""
        return self.x + self.width / 2


def imported(law: Law) -> list[str]:
    """Return the packages of ours that a package may import."""
    ours = {each.package for each in LAWS}
    return sorted(law.may & ours - {law.package})


def depth(law: Law) -> int:
    """Return how many packages lie below one: the longest chain of imports."""
    laws = {each.package: each for each in LAWS}
    return max((1 + depth(laws[name]) for name in imported(law)), default=0)


def rows() -> list[list[Law]]:
    """Return the packages by depth, the highest first."""
    deepest = max(depth(law) for law in LAWS)
    return [[law for law in LAWS if depth(law) == level] for level in range(deepest, -1, -1)]


def lines(law: Law) -> list[str]:
    """Return what is written below a package's name: its purpose, and its folders from the highest to the lowest."""
    folder = ROOT / law.folder
    rows = []
    for tier in reversed(ORDERS.get(law.folder, ())):
        shown = [f"{name}/" if (folder / name).is_dir() else name for name in tier if _exists(folder, name)]
        if shown:
            rows.append(", ".join(shown))
    return [PURPOSES[law.package], *rows]


def _exists(folder: Path, name: str) -> bool:
    """Return whether a folder or module that the law names exists; a package's own __init__ is not drawn."""
    return name != "__init__" and ((folder / name).is_dir() or (folder / f"{name}.py").is_file())


def boxes() -> list[Box]:
    """Return all packages with their places."""
    placed: list[Box] = []
    y = float(MARGIN)
    for row in rows():
        height = max(TITLE + LINE * len(lines(law)) + PAD for law in row)
        widest = [max(map(len, lines(law))) for law in row]
        x, room = float(MARGIN), WIDTH - 2 * MARGIN - GAP_X * (len(row) - 1)
        for law, length in zip(row, widest, strict=True):
            width = room * length / sum(widest)
            placed.append(Box(law.package, lines(law), x, y, width, height))
            x += width + GAP_X
        y += height + GAP_Y
    return placed


def gaps(placed: Sequence[Box], start: Box, end: Box) -> list[float]:
    """Return where an arrow can pass the row between two boxes; empty if they are in neighbouring rows."""
    row = sorted((box for box in placed if start.y < box.y < end.y), key=lambda box: box.x)
    return [left.x + left.width + GAP_X / 2 for left in row[:-1]]


def arrows(placed: Sequence[Box]) -> list[str]:
    """Return a line for each import between packages, from the one that imports to the one that is imported."""
    at = {box.name: box for box in placed}
    drawn = []
    for law in LAWS:
        start = at[law.package]
        below = imported(law)
        for index, name in enumerate(sorted(below, key=lambda name: at[name].middle)):
            end = at[name]
            x1 = start.x + start.width * (index + 1) / (len(below) + 1)
            if between := gaps(placed, start, end):
                x1 = min(between, key=lambda gap: abs(gap - end.middle))
            x2 = min(max(x1, end.x + 30), end.x + end.width - 30)
            drawn.append(
                f'<path d="M {x1:.0f} {start.y + start.height:.0f} L {x2:.0f} {end.y - 3:.0f}" class="import"/>'
            )
    return drawn


def svg() -> str:
    """Return the picture."""
    placed = boxes()
    height = max(box.y + box.height for box in placed) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="Which package may import which">',
        "<style>text{font-family:system-ui,sans-serif;fill:#1f2933}.name{font-weight:600;font-size:15px}"
        ".line{font-size:13px}.purpose{font-size:13px;fill:#52606d}"
        ".box{fill:#f5f7fa;stroke:#9aa5b1}.import{stroke:#3e7cb1;stroke-width:1.5;fill:none;marker-end:url(#head)}"
        "</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#3e7cb1"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>',
        *arrows(placed),
    ]
    for box in placed:
        parts.append(
            f'<rect class="box" x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}"'
            ' rx="6"/>'
        )
        y = box.y + TITLE
        parts.append(f'<text class="name" x="{box.x + PAD:.0f}" y="{y:.0f}">{box.name}</text>')
        for kind, line in zip(("purpose", *["line"] * len(box.lines)), box.lines, strict=False):
            y += LINE
            parts.append(f'<text class="{kind}" x="{box.x + PAD:.0f}" y="{y:.0f}">{html.escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Write the picture, or check it."""
    parser = argparse.ArgumentParser(description="Draw which package may import which.")
    parser.add_argument("--check", action="store_true", help="fail if the picture is not the one that the law gives")
    if not parser.parse_args().check:
        PICTURE.write_text(svg())
    elif not PICTURE.is_file() or PICTURE.read_text() != svg():
        sys.exit(f"{PICTURE.name} is not what the law of imports gives; run python -m docs.draw_architecture")


if __name__ == "__main__":
    main()
