"""Draws the picture of presets.md: one unit of the embedded model by every preset.

Run as `python -m docs.draw_presets`; it takes about a quarter of an hour. Finished pictures are kept in a folder, so it
can be stopped and run again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import reverie
from PIL import Image, ImageDraw, ImageFont
from reverie_server import Engine
from reverie_server.request.presets import PRESETS

SIDE, GAP, LINE, COLUMNS = 224, 10, 22, 4
TARGET = Path(__file__).parent / "images" / "presets.jpg"
KEPT = Path(".build") / "presets"
#: The step of das is absolute and made for logits; a mean of a channel needs a larger one (see presets.md).
CHANGES: dict[str, Any] = {"das": {"learning_rate": 0.5}}


def sheet(pictures: dict[str, Image.Image]) -> Image.Image:
    """Return all pictures in rows, each with its name below it."""
    rows = -(-len(pictures) // COLUMNS)
    width, height = COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + LINE + GAP) + GAP
    made = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(15)
    for i, (name, picture) in enumerate(pictures.items()):
        row, column = divmod(i, COLUMNS)
        left, top = GAP + column * (SIDE + GAP), GAP + row * (SIDE + LINE + GAP)
        made.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + SIDE / 2, top + SIDE + LINE / 2), name, "black", font, anchor="mm")
    return made


def main() -> None:
    """Render the pictures that are missing, and draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layer", default="conv3_1")
    parser.add_argument("--channel", default="5")
    parser.add_argument("--out", type=Path, default=TARGET)
    chosen = parser.parse_args()
    pictures, engine = {}, Engine()
    folder = KEPT / f"{chosen.layer}-{chosen.channel}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PRESETS:
        file = folder / f"{name}.png"
        if not file.exists():
            objective = reverie.objectives.objective_of(chosen.layer, chosen.channel)
            made = engine.render("texture19", objective=objective, preset=name, **CHANGES.get(name, {}))
            made.save(file)
            print(f"{name}: activation {made.activation:.3f}, {made.elapsed_s:.1f} s, {made.outcome}", flush=True)
        pictures[name] = Image.open(file).convert("RGB")
    sheet(pictures).save(chosen.out, quality=90)


if __name__ == "__main__":
    main()
