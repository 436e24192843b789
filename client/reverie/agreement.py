"""Recipe agreement: whether pictures of one unit, made in several ways, excite it alike and look alike.

A picture can mislead: a network can be trained so that one recipe ends in a picture that has nothing to do with what
the unit does (Geirhos et al. 2024, "Don't trust your eyes"; gradient slingshots, Bareeva et al. 2024). Such a network
has to know the recipe. So the same unit is rendered with several parametrizations and seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from PIL import Image

from reverie.optimizers import adam, nadam
from reverie.pictures import Rendering
from reverie.values import Optimizer

Float = npt.NDArray[np.float64]

#: Octaves below half the sampling frequency, and directions of waves, by which pictures are compared.
OCTAVES, DIRECTIONS = 5, 8

#: The ways to make a picture: the name of the parametrization, and the optimizer and rate that it needs.
RECIPES: dict[str, tuple[Optimizer | None, float | None]] = {
    "fourier": (None, None),
    "pixel": (adam(), None),
    "maco": (nadam(), 1.0),
}


@dataclass(frozen=True)
class Agreement:
    """How well the pictures of one unit agree.

    ``activations`` has a row for each recipe and a column for each seed. ``spread`` is the largest difference between
    the mean activations of two recipes, as a share of the largest mean. ``within`` and ``across`` are the mean likeness
    of two pictures of one recipe, and of two recipes: 1 for equal descriptions, about 0 for unrelated ones.
    """

    recipes: tuple[str, ...]
    activations: Float
    within: float
    across: float

    @property
    def spread(self) -> float:
        """The largest difference between the mean activations of two recipes over the largest mean."""
        means = self.activations.mean(axis=1)
        return float((means.max() - means.min()) / max(np.abs(means).max(), 1e-12))


def agreement(recipes: Sequence[str], renderings: Sequence[Sequence[Rendering]]) -> Agreement:
    """Return how well pictures agree: a row for each recipe, a column for each seed, of at least two of both."""
    descriptions = np.array([[description(one.image) for one in row] for row in renderings])
    descriptions -= descriptions.mean(axis=-1, keepdims=True)
    descriptions /= np.maximum(np.linalg.norm(descriptions, axis=-1, keepdims=True), 1e-12)
    seeds = range(len(renderings[0]))
    within = [float(row[a] @ row[b]) for row in descriptions for a, b in combinations(seeds, 2)]
    across = [float(one[a] @ other[b]) for one, other in combinations(descriptions, 2) for a in seeds for b in seeds]
    activations = np.array([[one.activation for one in row] for row in renderings])
    return Agreement(tuple(recipes), activations, float(np.mean(within)), float(np.mean(across)))


def description(image: Image.Image) -> Float:
    """Return numbers that describe a picture wherever in it something is: the power of its waves, and its colours.

    The logarithm of the power of the brightness in each octave and direction, relative to 1 / f^2 as photographs have
    it, and the covariance of red, green and blue over the variance of the brightness.
    """
    picture = np.asarray(image.convert("RGB"), np.float64) / 255
    height, width = picture.shape[:2]
    power = np.abs(np.fft.fft2(picture.mean(axis=2) - picture.mean())) ** 2 / (height * width)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    frequency = np.hypot(down, across)
    octave = np.floor(-np.log2(np.maximum(frequency, 1e-9) / 0.5)).astype(np.int64)
    direction = np.floor((np.arctan2(down, across) % np.pi) / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    made = []
    for band in range(OCTAVES):
        for angle in range(DIRECTIONS):
            chosen = (octave == band) & (direction == angle)
            made.append(np.log((power * frequency**2)[chosen].mean() + 1e-9) if chosen.any() else np.nan)
    waves = np.nan_to_num(made - np.nanmean(made))  # a small picture has no waves of some kinds: they do not count
    covariance = np.cov(picture.reshape(-1, 3), rowvar=False)
    brightness = max(float(np.var(picture.mean(axis=2))), 1e-9)
    colours = covariance[np.triu_indices(3)] / brightness
    return np.concatenate([waves, colours - colours.mean()])
