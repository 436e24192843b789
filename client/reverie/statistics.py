"""Statistics of a folder of pictures: the axes of their colours, and the mean magnitude of their spectra."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reverie.errors import UsageError
from reverie.parametrizations import measured
from reverie.values import Magnitude

Float = npt.NDArray[np.float64]

#: The side of the squares whose spectra are measured, in pixels; a larger picture is scaled to it.
SIDE = 128
#: The most pixels of one picture that count for its colours.
PIXELS = 10_000
#: Below the rounding of 8 bits, 1 / (12 * 255^2).
SMALLEST_VARIANCE = 1e-7
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
#: Lucid's square root of the covariance of colours in ImageNet, divided by the length of its longest column.
LUCID = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.4619524


def pictures(folder: str | Path) -> Iterator[Float]:
    """Yield the pictures of a folder and of its folders, float64 [height, width, 3] in 0..1, in the order of names.

    Raises UsageError if there is none, or if a file with the suffix of a picture is not one.
    """
    from PIL import Image

    root = Path(folder)
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES) if root.is_dir() else []
    if not paths:
        raise UsageError(f"{root} is not a folder with pictures: files that end in {', '.join(SUFFIXES)}.")
    for path in paths:
        try:
            with Image.open(path) as image:
                if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would clip
                    grey = np.asarray(image, np.float64) / (2**16 - 1)
                    yield np.repeat(grey[..., None], 3, axis=2)
                    continue
                yield np.asarray(image.convert("RGB"), np.float64) / 255
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's, for damaged files
            raise UsageError(f"{path} cannot be read as a picture: {error}") from error


def colours(folder: str | Path) -> tuple[float, ...]:
    """Return the axes of colour of a folder's pictures, 9 numbers whose rows are R, G, B.

    They are the square root of the covariance of the colours: its eigenvectors times the square roots of its
    eigenvalues, the largest first, each with a positive sum (Karhunen and Loeve). Raises UsageError if the colours
    differ in fewer than three directions: then the axes would not make every colour.
    """
    chosen = []
    for picture in pictures(folder):
        pixels = picture.reshape(-1, 3)
        chosen.append(pixels[:: max(1, len(pixels) // PIXELS)])
    every = np.concatenate(chosen)
    values, vectors = np.linalg.eigh(np.cov(every, rowvar=False)) if len(every) > 1 else (np.zeros(3), np.eye(3))
    if values[0] < SMALLEST_VARIANCE:
        raise UsageError(
            f"The pictures of {folder} have no colours in three directions: are they grey, or of one colour?"
        )
    basis = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0))
    basis *= np.where(basis.sum(axis=0) < 0, -1.0, 1.0)
    return tuple(map(float, basis.ravel()))


def magnitude(folder: str | Path) -> Magnitude:
    """Return the mean magnitude of the spectra of a folder's pictures, in Lucid's axes of colour, for `maco`.

    Each picture counts by its middle square, scaled to `SIDE` pixels.
    """
    from PIL import Image

    total, count, inverse = np.zeros((3, SIDE, SIDE // 2 + 1)), 0, np.linalg.inv(LUCID)
    for picture in pictures(folder):
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square: Any = Image.fromarray((picture[top : top + side, left : left + side] * 255).round().astype(np.uint8))
        scaled = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float64) / 255
        waves = np.einsum("ij,hwj->ihw", inverse, scaled)
        total += np.abs(np.fft.rfft2(waves))
        count += 1
    return measured(height=SIDE, width=SIDE, values=tuple(map(float, (total / count).ravel())))
