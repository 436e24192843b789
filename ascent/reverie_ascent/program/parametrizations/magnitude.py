"""Magnitudes of spectra for MACO: a power law, or measured in pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from reverie_proto.sizes import Size

from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.enlarge import enlarging
from reverie_ascent.program.parametrizations.fourier import frequencies
from reverie_ascent.recipe.parametrization import ColourBasis, Measured, PowerLaw

Float = npt.NDArray[np.float64]


def magnitude(values: PowerLaw | Measured, size: Size, channels: int) -> Float:
    """Return the magnitude of each frequency, [C, H, W // 2 + 1]. Raises ValueError if the channels do not fit."""
    if isinstance(values, PowerLaw):
        if not len(values.slopes) == len(values.scales) == channels:
            counts = f"{len(values.slopes)} slopes and {len(values.scales)} scales"
            raise ValueError(f"a power law has {counts} for {channels} channels; give one of each for every channel")
        scales, slopes = (np.array(x, np.float64)[:, None, None] for x in (values.scales, values.slopes))
        law: Float = scales / frequencies(size)[None] ** slopes
        return law
    columns = values.width // 2 + 1
    if len(values.numbers) != channels * values.height * columns:
        raise ValueError(
            f"a magnitude of {values.height} by {values.width} has {channels} x {values.height} x {columns} numbers,"
            f" not {len(values.numbers)}"
        )
    given = values.numbers.reshape(channels, values.height, columns)
    if (values.height, values.width) == size:
        return given
    # Rows are ordered by frequency for resizing, so that neighbours are neighbours in frequency too.
    ordered = np.fft.fftshift(given, axes=1)
    down = enlarging(values.height, size[0], "linear")
    across = enlarging(columns, size[1] // 2 + 1, "linear")
    return np.fft.ifftshift(down @ ordered @ across.T, axes=1)


def measured(pictures: npt.ArrayLike, basis: ColourBasis = "lucid") -> Measured:
    """Return the mean magnitude of the spectra of pictures [count, C, H, W] in 0..1, in a colour basis."""
    waves = np.asarray(pictures, np.float64)
    _, channels, height, width = waves.shape
    if (matrix := colour.matrix(basis, channels)) is not None:
        waves = np.einsum("ij,njhw->nihw", np.linalg.inv(matrix), waves)
    mean = np.abs(np.fft.rfft2(waves)).mean(axis=0)
    return Measured.of(height, width, mean)


def power_law(values: Measured, channels: int) -> PowerLaw:
    """Return the power law that fits a measured magnitude best in logarithms, between 4 cycles a side and 0.35.

    Each octave counts the same, although the higher one has four times as many frequencies.
    """
    size = (values.height, values.width)
    given = magnitude(values, size, channels)
    frequency = frequencies(size)
    inside = (frequency >= 4 / max(size)) & (frequency <= 0.35)
    fits = [np.polyfit(np.log(frequency[inside]), np.log(each[inside]), 1, w=1 / frequency[inside]) for each in given]
    return PowerLaw(tuple(-float(slope) for slope, _ in fits), tuple(float(np.exp(level)) for _, level in fits))
