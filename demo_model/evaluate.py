"""Accuracy of a network on held-out images, clean and against the adversary."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from demo_model.adversary import attack, normalised
from demo_model.augment import LARGE, SMALL, resized
from demo_model.motifs import LABELS
from demo_model.network import texture19
from demo_model.pool import HELD_OUT, labels, series


class Figures(NamedTuple):
    """Shares of correctly classified held-out images, and the classes with the lowest accuracy."""

    small: float
    large: float
    robust: float
    worst: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        """Return one line per figure."""
        worst = ", ".join(f"{label} {share:.0%}" for label, share in self.worst)
        return (
            f"held-out accuracy {self.small:.1%} at {SMALL} pixels, {self.large:.1%} at {LARGE}, "
            f"{self.robust:.1%} against the adversary at {SMALL}\nworst classes: {worst}"
        )


def deployed(weights: dict[str, Tensor]) -> nn.Sequential:
    """Return the network with these weights (of any float type), in evaluation mode."""
    network = texture19()
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    network.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last)


def predictions(network: nn.Module, images: NDArray[np.uint8], side: int) -> NDArray[np.int64]:
    """Return the network's class for each image, resized to ``side`` pixels."""
    with torch.inference_mode():
        parts = (resized(images[k : k + 100], side) for k in range(0, len(images), 100))
        return np.concatenate([network(normalised(part)).argmax(1).numpy() for part in parts])


def evaluate(weights: dict[str, Tensor], *, radius: float, count: int = 2016, attacked: int = 560) -> Figures:
    """Draw held-out images and classify them; the adversary takes 10 steps on the first ``attacked`` of them."""
    network, images, truth = deployed(weights), series(HELD_OUT, count), labels(count)
    small, large = (predictions(network, images, side) == truth for side in (SMALL, LARGE))
    held = 0
    for k in range(0, attacked, 56):
        x, y = resized(images[k : k + 56], SMALL), torch.from_numpy(truth[k : k + 56])
        x = attack(network, x, y, radius=radius, steps=10)
        with torch.inference_mode():
            held += int((network(normalised(x)).argmax(1) == y).sum())
    by_class = sorted((float(small[truth == k].mean()), label) for k, label in enumerate(LABELS))
    worst = tuple((label, share) for share, label in by_class[:8])
    return Figures(float(small.mean()), float(large.mean()), held / attacked, worst)


def main() -> None:
    """Print the figures of a file of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="?", default=Path("demo_model/texture19.safetensors"))
    parser.add_argument("--radius", type=float, default=1.25)
    options = parser.parse_args()
    print(evaluate(load_file(options.weights), radius=options.radius))


if __name__ == "__main__":
    main()
