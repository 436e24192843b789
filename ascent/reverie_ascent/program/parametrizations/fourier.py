"""Fourier: a half spectrum of each of three decorrelated colours, after Lucid (optvis/param/spatial.py, images.py).

Pictures that do not have three channels have no colours to decorrelate, and C is left out. With w by h pixels,

    t = irfft2(spectrum * sqrt(w h) / max(f, 1 / max(w, h)) ** power) / 4        f = frequency in cycles per pixel
    picture = sigmoid(t C')                                                      C = the colour matrix

The state has the rows of the real part, then those of the imaginary part: [C, 2 H, W // 2 + 1].

The inverse transform is computed as products with constant matrices: every ONNX runtime has those, few have a DFT, and
the gradient is a product with their transposes. With a and b the angles down and across,

    re cos(a + b) - im sin(a + b) = cos(a) (re cos b - im sin b) + sin(a) (-re sin b - im cos b)

If a frequency or a row is replaced by its mirror image, the cosine stays the same and the sine changes its sign. So the
sums and differences of the two halves of the frequencies, and half of the rows, are enough, which halves the work.

For an odd width Lucid computes one more column, at the frequencies of the requested width, and crops; here an odd width
is transformed without that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.entry import Entry, logit, normal
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Fourier

Float = npt.NDArray[np.float64]


def inverse_transform(size: Size, batch: int, channels: int) -> tuple[str, Mapping[str, npt.NDArray[np.generic]]]:
    """Return nodes from ``parts`` [B, C, 2, H, W // 2 + 1], a scaled spectrum, to ``waves`` [B, C, H, W]."""
    height, width = size
    half, columns = height // 2 + 1, width // 2 + 1
    even_across, odd_across = across(width)
    even_down, odd_down = down(height)
    body = """
        rows = Transpose <perm = [0, 1, 3, 2, 4]> (parts)
        beside = Reshape(rows, together)
        low = Slice(beside, first, last, down)
        mirrored = Gather <axis = 2> (beside, mirror)
        same = Add(low, mirrored)
        other = Sub(low, mirrored)
        even_rows = MatMul(same, even_across)
        odd_rows = MatMul(other, odd_across)
        even = MatMul(even_down, even_rows)
        odd = MatMul(odd_down, odd_rows)
        top = Add(even, odd)
        below = Sub(even, odd)
        bottom = Gather <axis = 2> (below, upwards)
        waves = Concat <axis = 2> (top, bottom)
        """
    return body, {
        "mirror": -np.arange(half) % height,
        "upwards": np.arange(half, height)[::-1] - half + 1,
        "even_across": _float32(even_across),
        "odd_across": _float32(odd_across),
        "even_down": _float32(even_down),
        "odd_down": _float32(odd_down),
        "apart": np.array([batch, channels, 2, height, columns]),
        "together": np.array([batch, channels, height, 2 * columns]),
        "first": np.array([0]),
        "last": np.array([half]),
        "down": np.array([2]),
    }


def _graph(values: Fourier, size: Size, batch: int, channels: int) -> ir.Model:
    height, width = size
    state = f"float[{batch}, {channels}, {2 * height}, {width // 2 + 1}]"
    body, constants = inverse_transform(size, batch, channels)
    end = colour.end(values.colour, size, batch, channels)
    return fragment(
        f"decode ({state} state) => (float[{batch}, {channels}, {height}, {width}] picture)",
        "spectrum = Mul(state, scale) parts = Reshape(spectrum, apart)" + body + end.body,
        {"scale": _float32(np.tile(scale(size, values), (2, 1))), **constants, **end.constants},
    )


def _shape(values: Fourier, size: Size, channels: int) -> tuple[int, int, int]:
    return channels, 2 * size[0], size[1] // 2 + 1


def _initial(values: Fourier, draws: Draws, shape: tuple[int, int, int]) -> Float:
    return normal(values.deviation, draws, shape)


def _encode(values: Fourier, picture: Float) -> Float:
    channels, height, width = picture.shape
    waves = logit(picture)
    if (basis := colour.matrix(values.colour, channels)) is not None:
        waves = np.einsum("ij,jhw->ihw", np.linalg.inv(basis), waves)
    spectrum = np.fft.rfft2(waves) / (height * width) / scale((height, width), values)
    return np.concatenate([spectrum.real, spectrum.imag], axis=1)


ENTRY = Entry(_graph, _shape, _initial, _encode)

# ----- the inverse transform as matrices -----


def frequencies(size: Size) -> Float:
    """Return the frequency of each number of a half spectrum, [H, W // 2 + 1],: cycles per pixel, at least 1 / side."""
    height, width = size
    down, across = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    floored: Float = np.maximum(np.hypot(down[:, None], across[None, :]), 1 / max(size))
    return floored


def scale(size: Size, values: Fourier) -> Float:
    """Return the factor of each frequency, [H, W // 2 + 1], including the 1 / (H W) of the transform."""
    height, width = size
    lucid: Float = np.sqrt(height * width) / frequencies(size) ** values.decay_power
    return lucid / values.divisor / (height * width)


def down(height: int) -> tuple[Float, Float]:
    """Return the matrices of cosine and sine [K, K], K = H // 2 + 1, from sums and differences of frequencies to rows.

    A frequency that is its own mirror image has been added to itself, so its factor is halved.
    """
    half = height // 2 + 1
    cos, sin = _waves(half, half, height)
    own_mirror = 2 * np.arange(half) % height == 0
    return np.where(own_mirror, cos / 2, cos), sin


def across(width: int) -> tuple[Float, Float]:
    """Return two matrices [2 K, W], K = W // 2 + 1, from columns (real, imaginary) to the factors of cos(a) and sin(a).

    A frequency also represents its mirror image, except 0 and, for an even size, the highest one.
    """
    cos, sin = _waves(width, width // 2 + 1, width)
    times = np.where(2 * np.arange(width // 2 + 1) % width == 0, 1.0, 2.0)[:, None]
    return np.concatenate([times * cos.T, -times * sin.T]), np.concatenate([-times * sin.T, -times * cos.T])


def _waves(points: int, count: int, size: int) -> tuple[Float, Float]:
    """Return cosine and sine [points, count] of 2 pi x k / S; the sine is exactly 0 at multiples of pi."""
    turns = np.outer(np.arange(points), np.arange(count)) % size
    angle = 2 * np.pi * turns / size
    sin = np.where(2 * turns % size == 0, 0.0, np.sin(angle))
    return np.cos(angle), sin


def _float32(array: Float) -> npt.NDArray[np.float32]:
    return array.astype(np.float32)
