"""Write a sheet of held-out drawn images, a few of each class: ``python -m demo_model.sheet FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from demo_model.draw import draw
from demo_model.motifs import LABELS
from demo_model.pool import HELD_OUT


def main() -> None:
    """Draw and write the sheet, with the classes in columns from top to bottom."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--each", type=int, default=4, help="images of a class, side by side")
    parser.add_argument("--side", type=int, default=72, help="of an image, in pixels")
    parser.add_argument("--columns", type=int, default=4)
    options = parser.parse_args()

    rows = [
        np.concatenate([draw(k, seed=HELD_OUT + s, size=options.side) for s in range(options.each)], axis=1)
        for k in range(len(LABELS))
    ]
    height = -(-len(rows) // options.columns)
    rows += [np.ones_like(rows[0])] * (height * options.columns - len(rows))
    columns = [np.concatenate(rows[k : k + height]) for k in range(0, len(rows), height)]
    sheet = np.concatenate(columns, axis=1)
    Image.fromarray(np.rint(sheet * 255).astype(np.uint8)).save(options.file, quality=88)


if __name__ == "__main__":
    main()
