"""Animations from noise to the finished picture: the frames to request, and the GIF or WebP file of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

FRAMES = 48
FRAME_MS = 70
LAST_FRAME_MS = 2500

# Pillow's options for each kind of file; the quality keeps the finest texture.
WRITERS: dict[str, dict[str, Any]] = {
    ".gif": {"format": "GIF"},
    ".webp": {"format": "WEBP", "quality": 90, "method": 4},
}


def schedule(steps: int, frames: int = FRAMES) -> list[int]:
    """Return the steps to show: dense at the beginning, where the picture changes most, and always the last one.

    The numbers grow with the square of their index: steps * (i / n)**2.
    """
    last = min(frames - 1, steps)
    return sorted({round(steps * (index / last) ** 2) for index in range(last + 1)} if last else {0})


def animated(images: Sequence[Image.Image], suffix: str) -> bytes:
    """Encode pictures as a .gif or .webp file that repeats and stays on the last one for a while."""
    suffix = suffix.lower()
    if suffix == ".gif":
        images = [_with_palette(_on_white(image)) for image in images]
    buffer = io.BytesIO()
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_FRAME_MS]
    images[0].save(buffer, save_all=True, append_images=images[1:], duration=durations, loop=0, **WRITERS[suffix])
    return buffer.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture without opacity: GIF knows only opaque and transparent, and so the frames would differ."""
    if image.mode != "RGBA":
        return image
    from PIL.Image import alpha_composite, new

    return alpha_composite(new("RGBA", image.size, "white"), image).convert("RGB")


def _with_palette(image: Image.Image) -> Image.Image:
    """Reduce a picture to its own 256 colours; a palette shared by all frames would spoil the early noise."""
    from PIL.Image import Dither, Quantize

    return image.quantize(palette=image.quantize(256, Quantize.MEDIANCUT), dither=Dither.FLOYDSTEINBERG)
