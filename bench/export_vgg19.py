"""Time, memory and disk space of exporting VGG19 with all its layers by the command that a user runs.

python -m bench.export_vgg19
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reverie_ascent.models.repository import WEIGHTS, ModelRepository

MODEL = "vgg19"
BARS = {"seconds": 90, "peak memory, GB": 4, "disk over the raw weights, MB": 10}


def raw_weights_bytes() -> int:
    """Return the size of VGG19's weights in memory."""
    import torch
    import torchvision

    with torch.device("meta"):
        state = torchvision.models.vgg19().state_dict()
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())


def main() -> None:
    """Export in a separate process; print figures and bars."""
    with tempfile.TemporaryDirectory() as out:
        reverie = Path(sys.executable).with_name("reverie")
        begin = time.perf_counter()
        subprocess.run([reverie, "export", MODEL, "--weights", "random:0", "--out", out], check=True)
        seconds = time.perf_counter() - begin
        peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        model = ModelRepository([Path(out)]).model(MODEL)
        disk = sum(file.stat().st_size for file in model.folder.iterdir())
        found = {
            "seconds": seconds,
            "peak memory, GB": peak_bytes / 1e9,
            "disk over the raw weights, MB": (disk - raw_weights_bytes()) / 1e6,
        }
        print(f"{len(model.layers)} layers, {disk / 1e6:.1f} MB, {WEIGHTS} among them")
        worst = max(entry.verification.gradient_error for entry in model.manifest.layers)
        print(f"largest relative error of a gradient: {worst:.1e}")
    for name, value in found.items():
        print(f"{name:30} {value:8.2f}   bar {BARS[name]}")


if __name__ == "__main__":
    main()
