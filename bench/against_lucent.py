"""Reverie against torch-lucent on the same weights: who excites the unit more, and who is there sooner?

    python -m bench.against_lucent [--preset lucid] [--channels 16] [--steps 512] [--size 224] [--threads 2]

Both sides optimise the mean of one channel of `texture19`, start from seed 0 and use their own standard transforms.
Lucent makes ``--steps`` steps; so does our `lucid`, and any other preset as many as it says.
Both pictures are then judged by one measure: the mean of the channel on the picture itself. Needs torch,
torch-lucent and the server extra in one environment (`make bench` sets it up).
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from reverie_server import Engine
from reverie_server.presets import PRESETS
from safetensors.torch import load_file

from demo_model.network import MEAN, STD, texture19

LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv3_4", "conv4_2", "conv4_4", "conv5_2", "conv5_4")


class Normalised(torch.nn.Module):  # type: ignore[misc]
    """`texture19` for pictures in [0, 1], without any in-place operation that would spoil Lucent's hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.net = texture19()
        self.net.load_state_dict(load_file("demo_model/texture19.safetensors"))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of pictures [N, 3, H, W]."""
        return self.net((image - self.mean) / self.std)


def by_lucent(model: torch.nn.Module, layer: str, channel: int, *, steps: int, size: int) -> NDArray[np.float32]:
    """A picture [size, size, 3] in [0, 1] after ``steps`` steps of Lucent's `render_vis` with its own defaults."""
    from lucent.optvis import objectives, param, render

    torch.manual_seed(0)
    np.random.seed(0)  # Lucent draws its transforms from here
    model._forward_hooks = OrderedDict()
    for module in model.modules():  # Lucent never removes its hooks: each render would add another set
        module._forward_hooks = OrderedDict()
    images = render.render_vis(
        model,
        objectives.channel(f"net_{layer}", channel),
        param_f=lambda: param.image(size),
        thresholds=(steps,),
        preprocess=False,
        progress=False,
        show_image=False,
    )
    picture: NDArray[np.float32] = images[0][0].astype(np.float32)
    return picture


def activation(model: torch.nn.Module, layer: str, channel: int, picture: NDArray[np.float32]) -> float:
    """Mean of the channel on the picture itself."""
    value = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        value = (value - model.mean) / model.std
        for name, module in model.net.named_children():
            value = module(value)
            if name == layer:
                return float(value[0, channel].mean())
    raise KeyError(layer)


def main() -> None:
    """Print a row per channel and the median ratio."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--preset", default="lucid", choices=PRESETS)
    arguments.add_argument("--channels", type=int, default=16)
    arguments.add_argument("--steps", type=int, default=512)
    arguments.add_argument("--size", type=int, default=224)
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()
    preset = options.preset
    our_steps = options.steps if preset == "lucid" else PRESETS[preset].steps
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)

    model = Normalised().eval()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    units = [(LAYERS[i % len(LAYERS)], 3 + 5 * (i // len(LAYERS))) for i in range(options.channels)]
    ours = []
    # One side after the other: the threads of one runtime, spinning between two of its steps, would slow the other.
    with Engine(threads=options.threads) as engine:
        engine.render("texture19", *units[0], steps=2, size=options.size)  # measures the machine, the first time
        for layer, channel in units:
            start = time.perf_counter()
            rendering = engine.render("texture19", layer, channel, preset=preset, steps=our_steps, size=options.size)
            picture = rendering.array
            ours.append((picture, time.perf_counter() - start))
    ratios, sooner = [], []
    head = f"{'reverie':>9} {'lucent':>9} {'ratio':>6} {'reverie s':>9} {'lucent s':>9} {'sooner':>6}"
    print(f"{'layer':8} {'channel':>7} {head}")
    for (layer, channel), (picture, ours_s) in zip(units, ours, strict=True):
        start = time.perf_counter()
        other = by_lucent(model, layer, channel, steps=options.steps, size=options.size)
        theirs_s = time.perf_counter() - start
        a, b = (activation(model, layer, channel, p) for p in (picture, other))
        ratios.append(a / b)
        sooner.append(theirs_s / ours_s)
        figures = f"{a:9.3f} {b:9.3f} {a / b:6.2f} {ours_s:9.1f} {theirs_s:9.1f} {theirs_s / ours_s:6.1f}"
        print(f"{layer:8} {channel:7} {figures}", flush=True)
    print(f"ratio of activations: median {statistics.median(ratios):.3f}, lowest {min(ratios):.3f}")
    print(f"{preset} is there sooner: median {statistics.median(sooner):.1f} times, lowest {min(sooner):.1f}")


if __name__ == "__main__":
    main()
