"""Penalties: properties of the picture that are subtracted, times a weight, from what is maximised.

``constant`` is the number, 0.5 by default, whose distance counts.
"""

from __future__ import annotations

from reverie.values import Penalty


def l1(weight: float = 1.0, *, constant: float | None = None) -> Penalty:
    """Return the sum of absolute distances to ``constant``."""
    return Penalty("l1", weight, constant)


def l2(weight: float = 1.0, *, constant: float | None = None) -> Penalty:
    """Return the square root of 0.000001 and the sum of squared distances to ``constant``."""
    return Penalty("l2", weight, constant)


def l_infinity(weight: float = 1.0, *, constant: float | None = None) -> Penalty:
    """Return the largest distance to ``constant``."""
    return Penalty("l_infinity", weight, constant)


def tv(weight: float = 1.0) -> Penalty:
    """Return the total variation: the sum of absolute differences of neighbours, across and down."""
    return Penalty("tv", weight)


def tv_mean(weight: float = 1.0) -> Penalty:
    """Return the total variation divided by the number of numbers."""
    return Penalty("tv_mean", weight)


def tv_four_norm(weight: float = 1.0) -> Penalty:
    """Return the lengths of four pictures of differences, down, across and along both diagonals, added up."""
    return Penalty("tv_four_norm", weight)


def tv_four_norm_mean(weight: float = 1.0) -> Penalty:
    """Return the mean over the channels of those lengths."""
    return Penalty("tv_four_norm_mean", weight)


def blur(weight: float = 1.0) -> Penalty:
    """Return half the sum of squared differences to the blurred picture, which counts as a constant."""
    return Penalty("blur", weight)


def spectral(weight: float = 1.0) -> Penalty:
    """Return the mean over all frequencies of the power of the spectrum times the square of the frequency."""
    return Penalty("spectral", weight)
