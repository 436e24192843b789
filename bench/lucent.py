"""torch-lucent as a contender: networks in its form, renders with its own defaults, and single steps of them."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Semaphore, Thread

import numpy as np
import torch
from numpy.typing import NDArray

LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv3_4", "conv4_2", "conv4_4", "conv5_2", "conv5_4")
Picture = NDArray[np.float32]


# ----- networks -----


class Normalised(torch.nn.Module):  # type: ignore[misc]
    """A network for pictures in [0, 1], without in-place operations, which would break Lucent's hooks."""

    def __init__(self, net: torch.nn.Module, names: Mapping[str, str], mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.net, self.names = net, names
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits [N, classes] of pictures [N, 3, H, W]."""
        return self.net((image - self.mean) / self.std)

    def activation(self, layer: str, channel: int, picture: Picture) -> float:
        """Return the mean of the channel on the picture itself."""
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
    from reverie_export.sources.torchvision_network import torchvision_network

    network = torchvision_network("vgg19", "random:0")
    for module in network.module.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    names = {name: path for path, name in network.field_names.items()}
    return Normalised(network.module, names, network.normalisation.mean, network.normalisation.std)


NETWORKS = {"texture19": _texture19, "vgg19": _vgg19}


# ----- renders -----


def by_lucent(
    model: Normalised, layer: str, channel: int, *, steps: Sequence[int], size: int
) -> dict[int, tuple[float, Picture]]:
    """Return the seconds and the picture [size, size, 3] in [0, 1] after each number of steps, by Lucent's defaults."""
    times = [time.perf_counter()]
    pictures = _render(model, layer, channel, steps, size, lambda: times.append(time.perf_counter()))
    times.append(time.perf_counter())
    # The objective is computed once per step, so each step ends when the next one begins.
    return {n: (times[n + 1] - times[0], p[0].astype(np.float32)) for n, p in zip(steps, pictures, strict=True)}


def steps_of_lucent(model: Normalised, layer: str, channel: int, *, size: int) -> Callable[[], None]:
    """Return a function that lets Lucent make one step, and returns when the next one begins."""
    go, come = Semaphore(0), Semaphore(0)

    def turn() -> None:
        come.release()
        go.acquire()

    Thread(target=_render, args=(model, layer, channel, (sys.maxsize,), size, turn), daemon=True).start()
    come.acquire()

    def step() -> None:
        go.release()
        come.acquire()

    return step


def _render(
    model: Normalised, layer: str, channel: int, steps: Sequence[int], size: int, each: Callable[[], None]
) -> list[NDArray[np.float32]]:
    """Render with Lucent; ``each`` is called once in every step."""
    from lucent.optvis import objectives, param, render

    torch.manual_seed(0)
    np.random.seed(0)  # Lucent draws its transforms from this generator
    for module in model.modules():  # Lucent never removes its hooks: each render would add another set
        module._forward_hooks = OrderedDict()
    wanted = objectives.channel(f"net_{model.names[layer].replace('.', '_')}", channel)

    def objective(see: object) -> torch.Tensor:
        each()
        return wanted(see)

    pictures: list[NDArray[np.float32]] = render.render_vis(
        model,
        objectives.Objective(objective),
        param_f=lambda: param.image(size),
        thresholds=tuple(steps),
        preprocess=False,
        progress=False,
        show_image=False,
    )
    return pictures
