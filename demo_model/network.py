"""texture19: the topology of VGG19 at a quarter of its width, with a small classifier.

The network is trained with batch normalisation and shipped without: `fold` moves it into the convolutions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from demo_model.motifs import LABELS

__all__ = ["DESCRIPTION", "LABELS", "MEAN", "STD", "fold", "texture19", "trainable"]

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
"""The normalisation of the input: RGB in [0, 1], minus MEAN, over STD."""

DESCRIPTION = "VGG19's topology at a quarter of its width, trained on drawn images"
"""The network's description in the manifest."""

# Simonyan and Zisserman 2014, table 1, column E; each number a quarter of theirs.
_BLOCKS = ((16, 2), (32, 2), (64, 4), (128, 4), (128, 4))


def texture19() -> nn.Sequential:
    """Build the network in its shipped form, with random weights.

    Returns:
        A module that takes normalised float32 images [N, 3, H, W], H and W at least 32, and returns logits [N, 56]. Its
        children have VGG's names: conv1_1, relu1_1, ..., relu5_4, pool5, then avgpool, flatten, logits.
    """
    return nn.Sequential(OrderedDict(_layers(normalise=False)))


def trainable() -> nn.Sequential:
    """Build the network in its training form, with batch normalisation after each convolution (Ioffe, Szegedy 2015)."""
    return nn.Sequential(OrderedDict(_layers(normalise=True)))


def fold(trained: nn.Sequential) -> dict[str, Tensor]:
    """Return the weights with which `texture19` computes the same as ``trained`` in evaluation mode.

    A convolution W followed by the normalisation (g, b, mean m, variance s) is the convolution W g / sqrt(s + eps) with
    the bias b - m g / sqrt(s + eps).
    """
    weights: dict[str, Tensor] = {}
    for name, layer in trained.named_children():
        if isinstance(layer, nn.Conv2d):
            norm = trained.get_submodule(name.replace("conv", "norm"))
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
            bias = norm.bias.double() - norm.running_mean.double() * gain
            weights[f"{name}.weight"] = (layer.weight.double() * gain[:, None, None, None]).float().detach()
            weights[f"{name}.bias"] = bias.float().detach()
        elif isinstance(layer, nn.Linear):
            weights[f"{name}.weight"], weights[f"{name}.bias"] = layer.weight.detach(), layer.bias.detach()
    return weights


def _layers(*, normalise: bool) -> Iterator[tuple[str, nn.Module]]:
    channels = 3
    for block, (width, depth) in enumerate(_BLOCKS, 1):
        for k in range(1, depth + 1):
            yield f"conv{block}_{k}", nn.Conv2d(channels, width, 3, padding=1, bias=not normalise)
            if normalise:
                yield f"norm{block}_{k}", nn.BatchNorm2d(width)
            yield f"relu{block}_{k}", nn.ReLU()
            channels = width
        yield f"pool{block}", nn.MaxPool2d(2, 2)
    yield "avgpool", nn.AdaptiveAvgPool2d(1)
    yield "flatten", nn.Flatten()
    yield "logits", nn.Linear(channels, len(LABELS))
