"""A pool of drawn images on disk, which is drawn once by all cores and used by every training."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_model.draw import draw, labelled
from demo_model.motifs import MOTIFS

SIZE = 96
"""Side of the images in the pool."""

IMAGES = 56_000
"""The number of images in the pool."""

TRAINING, HELD_OUT = 0, 1_000_000_000
"""First seeds of the two series of images, far enough apart that the series never overlap."""

_CHUNK = 500


def series(first_seed: int, count: int, *, size: int = SIZE, start: int = 0) -> NDArray[np.uint8]:
    """Draw images ``start`` to ``start + count`` of a series, uint8 RGB [count, size, size, 3].

    Image i is drawn with the seed ``first_seed + i`` and has the class ``labelled(i)``.
    """
    images = np.empty((count, size, size, 3), np.uint8)
    for k, i in enumerate(range(start, start + count)):
        images[k] = np.rint(draw(labelled(i), seed=first_seed + i, size=size) * 255)
    return images


def labels(count: int) -> NDArray[np.int64]:
    """Return the classes of a series of ``count`` images."""
    return np.arange(count) % len(MOTIFS)


def draw_pool(path: Path, count: int, *, workers: int) -> None:
    """Draw the training series into the file ``path`` (.npy), unless the file exists."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    images = np.lib.format.open_memmap(part, "w+", np.uint8, (count, SIZE, SIZE, 3))
    began = time.monotonic()
    with ProcessPoolExecutor(workers) as executor:
        starts = range(0, count, _CHUNK)
        for start, chunk in zip(starts, executor.map(partial(_chunk, count), starts), strict=True):
            images[start : start + len(chunk)] = chunk
            seconds = time.monotonic() - began
            print(f"drawn {start + len(chunk):,} of {count:,} images in {seconds:.0f} s", flush=True)
    images.flush()
    part.replace(path)


def _chunk(count: int, start: int) -> NDArray[np.uint8]:
    return series(TRAINING, min(_CHUNK, count - start), start=start)
