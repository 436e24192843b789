"""Transforms: random changes of the picture before the network, in order. What is left out has the server's default.

A random number is a number, which is always the same, a pair (low, high), or `one_of`.
"""

from __future__ import annotations

from reverie.values import RandomNumber, Transform

Number = float | tuple[float, float] | RandomNumber
Range = tuple[float, float]
Size = int | tuple[int, int]


def one_of(*values: float) -> RandomNumber:
    """Return a number that is one of ``values``, each equally likely."""
    return RandomNumber("set", (("values", values),))


def between(low: float, high: float) -> RandomNumber:
    """Return a number that is uniform from ``low`` to ``high``."""
    return RandomNumber("range", (("low", low), ("high", high)))


def pad(px: int, *, mode: str | None = None, value: float | None = None) -> Transform:
    """Add a border of ``px``: of the constant ``value`` (0.5), or with ``mode`` "reflect" the mirrored picture."""
    return Transform.of("pad", px=px, mode=mode, value=value)


def jitter(px: int) -> Transform:
    """Crop ``px`` rows and columns, a random part of them at the beginning."""
    return Transform.of("jitter", px=px)


def translate(low: int, high: int) -> Transform:
    """Move down and right by random whole numbers of pixels; black moves in."""
    return Transform.of("translate", low=low, high=high)


def roll(px: int) -> Transform:
    """Move by random whole numbers from -``px`` to ``px``, each way; what leaves comes in on the other side."""
    return Transform.of("roll", px=px)


def scale(
    factor: Number, *, separate: bool | None = None, sampling: str | None = None, interpolation: str | None = None
) -> Transform:
    """Resize by a random factor, or by one for each side if they are ``separate`` (False).

    ``sampling`` is "legacy" (the default, TensorFlow 1), "half_pixel" (PyTorch) or "align_corners"; ``interpolation``
    "bilinear" (the default), "bicubic" or "nearest".
    """
    return Transform.of("scale", factor=factor, separate=separate, sampling=sampling, interpolation=interpolation)


def rotate(degrees: Number, *, interpolation: str | None = None) -> Transform:
    """Rotate around the middle; black comes in. ``interpolation`` is "nearest" (the default) or "bilinear"."""
    return Transform.of("rotate", degrees=degrees, interpolation=interpolation)


def crop_box(
    side: Range,
    *,
    side_deviation: float | None = None,
    centre_deviation: float | None = None,
    interpolation: str | None = None,
) -> Transform:
    """Resize a random box of the picture to the size that the network sees.

    ``side`` is the range of its side as a share of the picture's. With ``side_deviation`` its mean goes from the higher
    to the lower end during the ascent. With ``centre_deviation`` the centre is normal around the middle, else uniform.
    """
    return Transform.of(
        "crop_box",
        side=side,
        side_deviation=side_deviation,
        centre_deviation=centre_deviation,
        interpolation=interpolation,
    )


def center(size: Size) -> Transform:
    """Keep the middle."""
    return Transform.of("center", size=size)


def flip(*, probability: float | None = None) -> Transform:
    """Mirror left and right with a ``probability`` (0.5)."""
    return Transform.of("flip", probability=probability)


def noise(
    deviation: float | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    fading: bool | None = None,
    per_channel: bool | None = None,
    clipped: bool | None = None,
) -> Transform:
    """Add normal numbers of standard deviation ``deviation`` and uniform ones from ``low`` to ``high`` (0 each).

    ``fading`` noise falls to 0 until the last step; ``per_channel`` is one number for all pixels of a channel;
    ``clipped`` means that the result is clipped to 0..1.
    """
    return Transform.of(
        "noise", deviation=deviation, low=low, high=high, fading=fading, per_channel=per_channel, clipped=clipped
    )


def colour_shift(*, scale: float | None = None, offset: float | None = None, inverse: bool | None = None) -> Transform:
    """Change each channel to x exp(s) + m, with s in +-``scale`` (1) and m in +-``offset`` (1).

    ``inverse`` changes it to (x - m) / exp(s).
    """
    return Transform.of("colour_shift", scale=scale, offset=offset, inverse=inverse)


def blur(deviation: Range, *, kernel: int | None = None) -> Transform:
    """Blur with a Gaussian of a random standard deviation in pixels, cut off at ``kernel`` pixels."""
    return Transform.of("blur", deviation=deviation, kernel=kernel)


def resize(*, size: Size | None = None, sampling: str | None = None, interpolation: str | None = None) -> Transform:
    """Resize to ``size``, or to the size that the network sees; see `scale` for the other options."""
    return Transform.of("resize", size=size, sampling=sampling, interpolation=interpolation)
