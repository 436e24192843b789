"""Parametrizations: how a picture is stored while it is optimised.

Each is a set of numbers that decide a graph; `reverie_ascent.program.parametrizations` has the graphs. Equal values
share a program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

#: The axes of colour: Lucid's, red, green and blue, or 9 numbers whose rows are R, G, B.
ColourBasis: TypeAlias = Literal["lucid", "none"] | tuple[float, ...]
NoiseKind: TypeAlias = Literal["normal", "uniform"]


@dataclass(frozen=True)
class Fourier:
    """A Fourier spectrum scaled by 1 / frequency ** ``decay_power``; its waves are divided by ``divisor``.

    ``deviation`` is the standard deviation of the first spectrum.
    """

    decay_power: float = 1.0
    deviation: float = 0.01
    divisor: float = 4.0
    colour: ColourBasis = "lucid"


@dataclass(frozen=True)
class Pixel:
    """Plain pixels: numbers that ``range`` maps to 0..1.

    ``clamp`` and ``unbounded`` pixels are the picture; clamped ones are clipped to 0..1 at the end of each step. The
    first numbers have ``mean`` and standard deviation ``deviation``, or are uniform in ``mean`` +- ``deviation``.
    """

    range: Literal["sigmoid", "tanh", "clamp", "unbounded"] = "sigmoid"
    mean: float = 0.0
    deviation: float = 0.01
    noise: NoiseKind = "normal"
    colour: ColourBasis = "none"


@dataclass(frozen=True)
class Laplacian:
    """The sum of ``levels`` pictures of 1, 1/2, 1/4, ... of the size, each enlarged bilinearly."""

    levels: int = 4
    deviation: float = 0.01
    colour: ColourBasis = "lucid"


@dataclass(frozen=True)
class MultiResolution:
    """The sum of square pictures of several ``resolutions``, each enlarged bicubically: Direct Ascent Synthesis."""

    resolutions: tuple[int, ...]


@dataclass(frozen=True)
class PowerLaw:
    """The magnitude ``scales`` / frequency ** ``slopes``, a number of each for every channel of the colour basis."""

    slopes: tuple[float, ...]
    scales: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """Mean magnitudes of spectra, [channels, height, width // 2 + 1] in the order of ``numpy.fft.rfft2``.

    ``values`` are the bytes of float32 numbers, least significant byte first: unlike tuples, bytes compute their hash
    once, and a magnitude is part of the key of programs.
    """

    height: int
    width: int
    values: bytes

    @classmethod
    def of(cls, height: int, width: int, numbers: npt.ArrayLike) -> Measured:
        """Return the magnitude of numbers in any shape."""
        return cls(height, width, np.asarray(numbers, "<f4").tobytes())

    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The magnitudes, flat."""
        return np.frombuffer(self.values, "<f4").astype(np.float64)


@dataclass(frozen=True)
class Maco:
    """A spectrum of a fixed ``magnitude``, of which only the phase is optimised (Fel et al. 2023, arXiv:2306.06805)."""

    magnitude: PowerLaw | Measured
    ddof: Literal[0, 1] = 0
    epsilon: float = 1e-5
    noise: NoiseKind = "normal"
    colour: ColourBasis = "lucid"


@dataclass(frozen=True)
class Cppn:
    """A network from coordinates to colour, whose weights are optimised; ``layers`` hidden ones of ``channels``."""

    layers: int = 8
    channels: int = 24


Parametrization: TypeAlias = Fourier | Pixel | Laplacian | MultiResolution | Maco | Cppn
