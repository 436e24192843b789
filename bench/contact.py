"""A contact sheet of the pictures that a benchmark has measured, for visual inspection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_sheet(pictures: list[NDArray[np.float32]], file: Path, *, columns: int = 8, side: int = 112) -> None:
    """Write pictures [S, S, 3] in [0, 1] in rows of ``columns``, each scaled to ``side`` pixels."""
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side), "white")
    for k, picture in enumerate(pictures):
        image = Image.fromarray(np.rint(picture * 255).astype(np.uint8)).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(image, (k % columns * side, k // columns * side))
    sheet.save(file)


def read_sheet(file: Path, count: int, *, columns: int = 8, side: int = 112) -> list[NDArray[np.float32]]:
    """Return the first ``count`` pictures of a sheet, at the sheet's resolution."""
    sheet = np.asarray(Image.open(file).convert("RGB"), np.float32) / np.float32(255)
    corners = ((k // columns * side, k % columns * side) for k in range(count))
    return [sheet[top : top + side, left : left + side] for top, left in corners]
