"""Parametrizations: how a picture is stored while it is optimised. What is left out has the server's default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from reverie.values import Magnitude, Parametrization

#: "lucid", "none", or a matrix whose rows are R, G, B: 9 numbers, as `reverie.statistics.colours` fits them.
Colour = str | Sequence[float] | Sequence[Sequence[float]] | NDArray[Any]


def fourier(
    *,
    decay_power: float | None = None,
    deviation: float | None = None,
    divisor: float | None = None,
    colour: Colour | None = None,
) -> Parametrization:
    """Return a Fourier spectrum scaled by 1 / frequency ** ``decay_power`` (1).

    ``deviation`` is the standard deviation of the first spectrum (0.01). The waves are divided by ``divisor`` (4).
    """
    return Parametrization.of("fourier", decay_power=decay_power, deviation=deviation, divisor=divisor, colour=colour)


def pixel(
    *,
    range: str | None = None,  # noqa: A002 - the wire's word
    mean: float | None = None,
    deviation: float | None = None,
    noise: str | None = None,
    colour: Colour | None = None,
) -> Parametrization:
    """Return plain pixels, mapped to 0..1 by ``range``: "sigmoid" (the default), "tanh", "clamp" or "unbounded".

    The first numbers have ``mean`` (0; 0.5 for clamp and unbounded) and standard deviation ``deviation`` (0.01), or
    with ``noise`` "uniform" they lie in mean +- deviation.
    """
    return Parametrization.of("pixel", range=range, mean=mean, deviation=deviation, noise=noise, colour=colour)


def laplacian(
    *, levels: int | None = None, deviation: float | None = None, colour: Colour | None = None
) -> Parametrization:
    """Return the sum of ``levels`` (4) pictures of 1, 1/2, 1/4, ... of the size, enlarged bilinearly."""
    return Parametrization.of("laplacian", levels=levels, deviation=deviation, colour=colour)


def multi_resolution(*, resolutions: Sequence[int] | None = None) -> Parametrization:
    """Return the sum of square pictures of ``resolutions`` (1, 5, 9, ... to the size): Direct Ascent Synthesis."""
    return Parametrization.of("multi_resolution", resolutions=resolutions)


def maco(
    *,
    magnitude: Magnitude | None = None,
    ddof: int | None = None,
    epsilon: float | None = None,
    noise: str | None = None,
    colour: Colour | None = None,
) -> Parametrization:
    """Return a spectrum of a fixed ``magnitude`` (one fitted to photographs), of which only the phase is optimised.

    Phases and waves are divided by their standard deviation plus ``epsilon`` (1e-5), with ``ddof`` 0 (the default) or
    1. The first phases are standard normal, or with ``noise`` "uniform" from -pi to pi.
    """
    return Parametrization.of("maco", magnitude=magnitude, ddof=ddof, epsilon=epsilon, noise=noise, colour=colour)


def cppn(*, layers: int | None = None, channels: int | None = None) -> Parametrization:
    """Return a network from coordinates to colour, of ``layers`` (8) hidden layers of ``channels`` (24)."""
    return Parametrization.of("cppn", layers=layers, channels=channels)


def power_law(*, slopes: Sequence[float], scales: Sequence[float]) -> Magnitude:
    """Return the magnitude ``scales`` / frequency ** ``slopes``, a number of each for every channel."""
    return Magnitude.of("power_law", slopes=slopes, scales=scales)


def measured(*, height: int, width: int, values: Sequence[float] | NDArray[Any]) -> Magnitude:
    """Return a magnitude measured in pictures of a size, [channels, height, width // 2 + 1], flat.

    `reverie.statistics.magnitude` measures it.
    """
    return Magnitude.of("measured", height=height, width=width, values=values)
