"""Decodes a state into its picture, for each parametrization.

Fourier, after Lucid (optvis/param/spatial.py, color.py, images.py): the state is a half spectrum of each of three
decorrelated colours. Pictures that do not have three channels have no colours to decorrelate, and C is left out. With w
by h pixels,

    t = irfft2(spectrum * sqrt(w h) / max(f, 1 / max(w, h))) / 4        f = frequency in cycles per pixel
    picture = sigmoid(t C')                                             C = the colour matrix, its longest column 1

The inverse transform is computed as products with constant matrices: every ONNX runtime has those, few have a DFT, and
the gradient is a product with their transposes. With a and b the angles down and across,

    re cos(a + b) - im sin(a + b) = cos(a) (re cos b - im sin b) + sin(a) (-re sin b - im cos b)

If a frequency or a row is replaced by its mirror image, the cosine stays the same and the sine changes its sign. So the
sums and differences of the two halves of the frequencies, and half of the rows, are enough, which halves the work.

For an odd width Lucid computes one more column, at the frequencies of the requested width, and crops; here an odd width
is transformed without that.

Pixel: the state is the picture before its sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.recipe import Parametrization

Float = npt.NDArray[np.float64]

# Lucid's square root of the covariance of colours in ImageNet: rows are R, G, B.
COLOUR = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
RGB = len(COLOUR)
CONTRAST = 4.0  # Lucid divides by it: "a magic constant"


def decode(parametrization: Parametrization, size: Size, batch: int, channels: int = RGB) -> ir.Model:
    """Return the fragment state -> picture [N, C, H, W], and picture_gradient -> state_gradient."""
    return differentiate(PARAMETRIZATIONS[parametrization](size, batch, channels), of="picture", wrt="state")


def state_shape(parametrization: Parametrization, size: Size, batch: int, channels: int = RGB) -> tuple[int, ...]:
    """Return the shape of a batch of states.

    For Fourier [N, C, 2 H, W // 2 + 1]: the H rows of the real part, then those of the imaginary part.
    """
    height, width = size
    rows, columns = (2 * height, width // 2 + 1) if parametrization == "fourier" else size
    return batch, channels, rows, columns


RECOLOURED = """
    points = Reshape(waves, flat)
    logits = MatMul(colour, points)
    square = Reshape(logits, full)
    picture = Sigmoid(square)
    """


def _fourier(size: Size, batch: int, channels: int) -> ir.Model:
    height, width = size
    half, columns = height // 2 + 1, width // 2 + 1
    state = f"float[{batch}, {channels}, {2 * height}, {columns}]"
    picture = f"float[{batch}, {channels}, {height}, {width}]"
    even_across, odd_across = across(width)
    even_down, odd_down = down(height)
    colours = {
        "colour": _float32(COLOUR / np.linalg.norm(COLOUR, axis=0).max()),
        "flat": np.array([batch, channels, height * width]),
        "full": np.array([batch, channels, height, width]),
    }
    return fragment(
        f"decode ({state} state) => ({picture} picture)",
        """
        spectrum = Mul(state, scale)
        parts = Reshape(spectrum, apart)
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
        + (RECOLOURED if channels == RGB else "picture = Sigmoid(waves)"),
        {
            "scale": _float32(np.tile(scale(size), (2, 1))),
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
            **(colours if channels == RGB else {}),
        },
    )


def _pixel(size: Size, batch: int, channels: int) -> ir.Model:
    shape = f"float[{batch}, {channels}, {size[0]}, {size[1]}]"
    return fragment(f"decode ({shape} state) => ({shape} picture)", "picture = Sigmoid(state)")


PARAMETRIZATIONS: Mapping[Parametrization, Callable[[Size, int, int], ir.Model]] = {
    "fourier": _fourier,
    "pixel": _pixel,
}

# ----- the inverse transform as matrices -----


def scale(size: Size) -> Float:
    """Return the factor of each frequency, [H, W // 2 + 1], including the 1 / (H W) of the transform."""
    height, width = size
    down, across = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    frequency = np.hypot(down[:, None], across[None, :])
    lucid: Float = np.sqrt(height * width) / np.maximum(frequency, 1 / max(size))
    return lucid / CONTRAST / (height * width)


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
