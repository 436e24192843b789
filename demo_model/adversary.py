"""The adversary of the training: the small change of an image that increases the loss most (Madry et al. 2018, L2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo_model.network import MEAN, STD
from demo_model.precision import reduced

RADIUS_AT = 64
"""The image side for which a radius is given; it scales with the side, so that the strength per pixel is constant."""


def normalised(images: Tensor) -> Tensor:
    """Return images in [0, 1], normalised for the network."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def attack(network: nn.Module, images: Tensor, labels: Tensor, *, radius: float, steps: int) -> Tensor:
    """Increase the loss by ``steps`` normalised gradient steps within an L2 ball around each image.

    Args:
        network: in evaluation mode.
        images: float32 [N, 3, S, S] in [0, 1].
        labels: int64 [N].
        radius: of the ball, for images of 64 x 64 pixels.
        steps: 0 returns the images unchanged.

    Returns:
        The changed images.
    """
    reach = radius * images.shape[-1] / RADIUS_AT
    change = torch.zeros_like(images)
    for _ in range(steps):
        change.requires_grad_(True)
        with reduced():
            logits = network(normalised(images + change))
        (gradient,) = torch.autograd.grad(functional.cross_entropy(logits.float(), labels), change)
        change = change.detach() + gradient * (1.4 * reach / steps / _norm(gradient))
        change = change * torch.clamp(reach / _norm(change), max=1)
    return (images + change).clamp(0, 1).detach()


def _norm(t: Tensor) -> Tensor:
    return t.flatten(1).norm(dim=1).clamp_min(1e-9)[:, None, None, None]
