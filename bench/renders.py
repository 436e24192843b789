"""Full renders, Reverie's against torch-lucent's: who excites a unit more, and who is there sooner?

    python -m bench.renders [--network texture19|vgg19] [--preset reverie] [--channels 16] [--ours 32,64,160,512]
                            [--lucent 32,64,128,256,512] [--size 224] [--threads 2] [--models FOLDER]
                            [--device cpu|cuda]

Both sides optimise the mean of one channel of the same network, start from seed 0 and use their own standard
transforms. Lucent's `render_vis` runs once and is looked at on its way; a preset of ours is rendered anew for each
number of steps, because its schedule depends on it. Every picture is judged by one measure: the mean of the channel on
the picture itself. The seconds are those of rendering, building the program included. Told at the end is how much
sooner ours has reached what Lucent reaches at its end. Writes bench/results/renders-NETWORK-PRESET.json and, beside it,
a sheet of both sides' pictures. `vgg19` has random weights: ``--models`` names what
`reverie export vgg19 --weights random:0 --out FOLDER` makes.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from reverie_server import Engine
from reverie_server.presets import DEFAULT_PRESET, PRESETS

from bench.contact import write_sheet
from bench.results import write_json

LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv3_4", "conv4_2", "conv4_4", "conv5_2", "conv5_4")
Picture = NDArray[np.float32]


# ----- networks -----


class Normalised(torch.nn.Module):  # type: ignore[misc]
    """A network for pictures in [0, 1], without any in-place operation that would spoil Lucent's hooks."""

    def __init__(self, net: torch.nn.Module, names: Mapping[str, str], mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.net, self.names = net, names
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of pictures [N, 3, H, W]."""
        return self.net((image - self.mean) / self.std)

    def activation(self, layer: str, channel: int, picture: Picture) -> float:
        """Mean of the channel on the picture itself."""
        seen: list[torch.Tensor] = []
        hook = self.net.get_submodule(self.names[layer]).register_forward_hook(lambda *given: seen.append(given[2]))
        with torch.no_grad():
            self(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).to(self.mean.device))
        hook.remove()
        return float(seen[0][0, channel].mean())


def _texture19() -> Normalised:
    from safetensors.torch import load_file

    from demo_model.network import MEAN, STD, texture19

    net = texture19()
    net.load_state_dict(load_file("demo_model/texture19.safetensors"))
    return Normalised(net, {layer: layer for layer in LAYERS}, MEAN, STD)


def _vgg19() -> Normalised:
    from reverie_export.sources.torch_network import torchvision_network

    network = torchvision_network("vgg19", "random:0")
    for module in network.module.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    names = {name: path for path, name in network.field_names.items() if name in LAYERS}
    return Normalised(network.module, names, network.normalisation.mean, network.normalisation.std)


NETWORKS = {"texture19": _texture19, "vgg19": _vgg19}


# ----- the two sides -----


def by_lucent(
    model: Normalised, layer: str, channel: int, *, steps: Sequence[int], size: int
) -> dict[int, tuple[float, Picture]]:
    """Seconds and picture [size, size, 3] in [0, 1] after each number of steps, by Lucent's defaults."""
    from lucent.optvis import objectives, param, render

    torch.manual_seed(0)
    np.random.seed(0)  # Lucent draws its transforms from here
    for module in model.modules():  # Lucent never removes its hooks: each render would add another set
        module._forward_hooks = OrderedDict()
    wanted = objectives.channel(f"net_{model.names[layer].replace('.', '_')}", channel)
    times = [time.perf_counter()]

    def timed(see: object) -> torch.Tensor:
        times.append(time.perf_counter())
        return wanted(see)

    pictures = render.render_vis(
        model,
        objectives.Objective(timed),
        param_f=lambda: param.image(size),
        thresholds=tuple(steps),
        preprocess=False,
        progress=False,
        show_image=False,
    )
    times.append(time.perf_counter())
    # The objective is asked for once in a step, so the next one's beginning is this one's end.
    return {n: (times[n + 1] - times[0], p[0].astype(np.float32)) for n, p in zip(steps, pictures, strict=True)}


def by_reverie(
    engine: Engine, network: str, layer: str, channel: int, *, preset: str, steps: Sequence[int], size: int
) -> dict[int, tuple[float, Picture]]:
    """The same by a preset of ours, a render for each number of steps, and building the program counted in each."""

    def timed(n: int) -> tuple[float, Picture]:
        begin = time.perf_counter()
        rendering = engine.render(network, layer, channel, preset=preset, steps=n, size=size)
        return time.perf_counter() - begin, rendering.array

    built = timed(1)[0] - timed(1)[0]
    return {n: (seconds + built, picture) for n, (seconds, picture) in ((n, timed(n)) for n in steps)}


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
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    model = NETWORKS[given.network]().eval().to(given.device)
    ours, theirs = (sorted(map(int, text.split(","))) for text in (given.ours, given.lucent))
    shown = min(ours, key=lambda n: abs(n - PRESETS[given.preset].steps))
    out = given.out or Path(f"bench/results/renders-{given.network}-{given.preset}")
    rows: list[dict[str, object]] = []
    ratios, sooner, pictures = [], [], ([], [])  # type: ignore[var-annotated]
    print(f"activation and seconds after so many steps; {given.network}, {given.size} px, {given.threads} threads")
    heads = [*(f"{given.preset} {n}" for n in ours), *(f"lucent {n}" for n in theirs)]
    print(f"{'':12}" + "".join(f"{head:>17}" for head in heads) + f"{'sooner':>8}")
    with Engine(given.models and [given.models], threads=given.threads, device=given.device) as engine:
        engine.render(given.network, LAYERS[0], 0, steps=2, size=given.size)  # measures the machine, the first time
        for k in range(given.channels):
            layer, channel = LAYERS[k % len(LAYERS)], 3 + 5 * (k // len(LAYERS))
            a = by_reverie(engine, given.network, layer, channel, preset=given.preset, steps=ours, size=given.size)
            b = by_lucent(model, layer, channel, steps=theirs, size=given.size)
            sides = [
                {n: (model.activation(layer, channel, p), s) for n, (s, p) in side.items()} for side in (a, b)
            ]  # fmt: skip
            goal, whole = sides[1][theirs[-1]]
            there = [seconds for reached, seconds in sides[0].values() if reached >= goal]
            sooner.append(whole / min(there) if there else 0.0)
            ratios.append(sides[0][shown][0] / goal)
            for pile, picture in zip(pictures, (a[shown][1], b[theirs[-1]][1]), strict=True):
                pile.append(picture)
            names = ("reverie", "lucent")
            rows.append({"layer": layer, "channel": channel} | dict(zip(names, sides, strict=True)))
            cells = "".join(f"{value:9.3f} {seconds:5.1f} s" for side in sides for value, seconds in side.values())
            print(f"{layer:8}{channel:4}{cells}{sooner[-1]:8.1f}", flush=True)
            write_json(out.with_suffix(".json"), {"size": given.size, "threads": given.threads, "rows": rows})
            sheet = [p for i in range(0, len(rows), 8) for pile in pictures for p in _row(pile[i : i + 8])]
            write_sheet(sheet, out.with_suffix(".png"))
    print(
        f"activation at {shown} steps over Lucent's: median {statistics.median(ratios):.3f}, lowest {min(ratios):.3f}"
    )
    print(f"what Lucent reaches at its end is reached sooner: median {statistics.median(sooner):.1f} times, "
          f"lowest {min(sooner):.1f}")  # fmt: skip


def _row(pictures: list[Picture]) -> list[Picture]:
    """Fill a row of a sheet up with white."""
    return pictures + [np.ones((8, 8, 3), np.float32)] * (8 - len(pictures))


if __name__ == "__main__":
    main()
