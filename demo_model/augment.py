"""Batches for training: random crops of drawn images at several sizes, mirrored and slightly recoloured."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from demo_model.fields import Rng
from demo_model.motifs import MOTIFS
from demo_model.pool import SIZE

SMALL, LARGE = 64, 96
"""Sides of training images: mostly small, for speed; some large, to include motifs far from the border."""

_BATCH = {SMALL: 48, LARGE: 22}


def batch(images: NDArray[np.uint8], rng: Rng, side: int) -> tuple[Tensor, Tensor]:
    """Take a random batch of a series of images, resized to ``side`` pixels.

    Returns:
        float32 [N, 3, S, S] in [0, 1], channels last in memory, and int64 [N].
    """
    chosen = rng.integers(len(images), size=_BATCH[side])
    crop = SIZE if side == LARGE else int(rng.integers(SIZE * 3 // 4, SIZE + 1))
    corners = rng.integers(SIZE - crop + 1, size=(len(chosen), 2))
    cut = np.stack([images[i, y : y + crop, x : x + crop] for i, (y, x) in zip(chosen, corners, strict=True)])
    if rng.random() < 0.5:
        cut = np.ascontiguousarray(cut[:, :, ::-1])
    x = resized(cut, side)
    return _recoloured(x, rng), torch.from_numpy(chosen % len(MOTIFS))


def resized(images: NDArray[np.uint8], side: int) -> Tensor:
    """Return uint8 images [N, S, S, 3] as float32 [N, 3, side, side] in [0, 1], without aliases."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    if x.shape[-1] != side:
        x = functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def _recoloured(x: Tensor, rng: Rng) -> Tensor:
    """Change brightness, contrast and saturation of each image, and add a little noise to some."""

    def each(spread: float) -> Tensor:
        return torch.from_numpy(rng.uniform(-spread, spread, (len(x), 1, 1, 1)).astype(np.float32))

    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (1 + each(0.3))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + each(0.25)) + each(0.08)
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))
        x = x + noise * each(0.04)
    return x.clamp(0, 1).contiguous(memory_format=torch.channels_last)
