"""Does another network, trained from another seed and without renderings, recognise the pictures of classes?

Every class's logit of texture19 is rendered with a preset; `demo_model/recogniser.safetensors` then names
each picture's class, seen at the size it was rendered at. Needs torch.

    python -m bench.recognition [--preset reverie] [--steps N] [--size 224] [--limit N] [--sheet FILE]
        [--pictures FOLDER]

``--pictures`` saves each picture as an .npy file and uses existing files instead of rendering again. So another
recogniser (``--recogniser FILE``) can be tried on the same pictures, and an interrupted run can continue.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from reverie_server import Engine, Rendering
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS
from safetensors.torch import load_file

from bench.contact import write_sheet
from demo_model.adversary import normalised
from demo_model.evaluate import deployed
from demo_model.motifs import LABELS

MODEL, LAYER = "texture19", "logits"


def kept(file: Path | None, render: Callable[[], Rendering]) -> NDArray[np.float32]:
    """Return the picture [S, S, 3] in [0, 1] from ``file``, or render it and save it if a file is given."""
    if file is not None and file.exists():
        return np.asarray(np.load(file), np.float32)
    picture = render().array
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, picture)
    return picture


def main() -> None:
    """Print a row per class and the share of classes that are recognised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default=DEFAULT_PRESET)
    parser.add_argument("--steps", type=int, help="other than the preset's")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--limit", type=int, default=len(LABELS), help="render only the first so many classes")
    parser.add_argument("--models", type=Path, help="folder of model folders, if not the embedded one")
    parser.add_argument("--sheet", type=Path, help="write the pictures to this file, a .png or .jpg")
    parser.add_argument("--pictures", type=Path, help="folder to keep the pictures in, and to take them from")
    parser.add_argument("--recogniser", type=Path, default=Path("demo_model/recogniser.safetensors"))
    options = parser.parse_args()
    preset, steps = options.preset, options.steps or PRESETS[options.preset].steps

    recogniser = deployed(load_file(options.recogniser))
    first, third = 0, 0
    pictures = []
    print(f"{'class':12} {'named':12} {'place':>5} {'probability':>11}")
    with Engine([options.models] if options.models else None) as engine:
        for label, name in enumerate(LABELS[: options.limit]):
            picture = kept(
                options.pictures and options.pictures / f"{name}-{preset}-{options.size}px-{steps}.npy",
                partial(engine.render, MODEL, LAYER, label, preset=preset, steps=steps, size=options.size),
            )
            pictures.append(picture)
            pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
            with torch.inference_mode():
                likely = recogniser(normalised(pixels))[0].softmax(0)
            place = int((likely > likely[label]).sum()) + 1
            first, third = first + (place == 1), third + (place <= 3)
            print(f"{name:12} {LABELS[int(likely.argmax())]:12} {place:5} {float(likely[label]):11.2f}", flush=True)
    if options.sheet:
        write_sheet(pictures, options.sheet)
    print(f"{first} of {options.limit} classes ({first / options.limit:.0%}) are recognised; {third} are among three")


if __name__ == "__main__":
    main()
