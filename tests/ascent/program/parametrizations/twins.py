"""Every parametrization in plain numpy, after the formulas of its source: an oracle for the graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from reverie_ascent.program.parametrizations import decode
from reverie_ascent.recipe.parametrization import (
    ColourBasis,
    Cppn,
    Fourier,
    Laplacian,
    Maco,
    Measured,
    MultiResolution,
    Parametrization,
    Pixel,
    PowerLaw,
)
from reverie_proto.sizes import Size

from tests.ascent.exact import Exact, Numbers

#: Lucid's matrix, divided by the length of its longest column.
COLOUR = np.array(
    [[0.56282854, 0.19482528, 0.0432945], [0.5844758, 0, -0.10823626], [0.5844758, -0.19482528, 0.06494176]]
)


def sigmoid(x: Numbers) -> Numbers:
    made: Numbers = 1 / (1 + np.exp(-x))
    return made


def coloured(waves: Numbers, basis: ColourBasis) -> Numbers:
    """Return the colours of waves [3, H, W]; the longest column of a basis has length 1."""
    if basis == "none" or len(waves) != 3:
        return waves
    matrix = COLOUR
    if basis != "lucid":
        matrix = np.array(basis).reshape(3, 3)
        matrix = matrix / max(np.sqrt((matrix[:, i] ** 2).sum()) for i in range(3))
    mixed: Numbers = np.einsum("rc,cyx->ryx", matrix, waves)
    return mixed


def frequencies(size: Size) -> Numbers:
    """Return the cycles per pixel of each number of a half spectrum, at least one cycle on the longer side."""
    height, width = size
    frequency = np.sqrt(np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None, :] ** 2)
    return np.asarray(np.maximum(frequency, 1 / max(size)))


def fourier(values: Fourier, state: Numbers, size: Size) -> Numbers:
    """Lucid's fft_image (optvis/param/spatial.py) and to_valid_rgb (optvis/param/color.py)."""
    height, width = size
    spectrum = state[:, :height] + 1j * state[:, height:]
    scale = 1 / frequencies(size) ** values.decay_power * np.sqrt(width * height)
    waves = np.fft.irfft2(scale * spectrum, s=size) / values.divisor
    return sigmoid(coloured(waves, values.colour))


def pixel(values: Pixel, state: Numbers, size: Size) -> Numbers:
    assert state.shape[1:] == size
    mixed = coloured(state, values.colour)
    if values.range == "sigmoid":
        return sigmoid(mixed)
    return (np.tanh(mixed) + 1) / 2 if values.range == "tanh" else mixed


def bilinear(small: Numbers, size: Size) -> Numbers:
    """Enlarge [C, h, w] with half-pixel centres; beyond the outermost ones their values are repeated."""
    for axis, count in ((1, size[0]), (2, size[1])):
        side = small.shape[axis]
        position = (np.arange(count) + 0.5) * side / count - 0.5
        lines = np.moveaxis(small, axis, -1)
        large = np.array([np.interp(position, np.arange(side), line) for line in lines.reshape(-1, side)])
        small = np.moveaxis(large.reshape(*lines.shape[:-1], count), -1, axis)
    return small


def cubic_weight(x: float, a: float = -0.75) -> float:
    """Keys's kernel with PyTorch's a."""
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def bicubic_rows(small: Numbers, count: int) -> Numbers:
    """Enlarge the first axis as torch.nn.functional.interpolate does, row by row."""
    side, made = len(small), np.zeros((count, *small.shape[1:]))
    for i in range(count):
        position = (i + 0.5) * side / count - 0.5
        low = int(np.floor(position))
        for k in range(low - 1, low + 3):
            made[i] += cubic_weight(position - k) * small[min(max(k, 0), side - 1)]
    return made


def bicubic(small: Numbers, size: Size) -> Numbers:
    """Enlarge [C, h, w]."""
    tall = bicubic_rows(small.transpose(1, 0, 2), size[0]).transpose(1, 0, 2)
    return bicubic_rows(tall.transpose(2, 0, 1), size[1]).transpose(1, 2, 0)


def pieces(state: Numbers, shapes: Sequence[tuple[int, ...]]) -> list[Numbers]:
    """Divide a flat state into arrays."""
    flat, made = state.reshape(-1), []
    for shape in shapes:
        count = int(np.prod(shape))
        made.append(flat[:count].reshape(shape))
        flat = flat[count:]
    assert len(flat) == 0
    return made


def laplacian(values: Laplacian, state: Numbers, size: Size, channels: int = 3) -> Numbers:
    """Lucid's laplacian_pyramid (optvis/param/spatial.py)."""
    height, width = size
    shapes = [(channels, max(1, height // 2**n), max(1, width // 2**n)) for n in range(values.levels)]
    waves: Numbers = np.sum([bilinear(each, size) for each in pieces(state, shapes)], axis=0)
    return sigmoid(coloured(waves, values.colour))


def multi_resolution(values: MultiResolution, state: Numbers, size: Size) -> Numbers:
    """The sum of pictures of Direct Ascent Synthesis."""
    parts = pieces(state, [(3, side, side) for side in values.resolutions])
    made: Numbers = (np.tanh(np.sum([bicubic(each, size) for each in parts], axis=0)) + 1) / 2
    return made


def resized_magnitude(values: Measured, size: Size) -> Numbers:
    """Return a measured magnitude at another size, interpolated between neighbouring frequencies."""
    columns = values.width // 2 + 1
    given = values.numbers.reshape(-1, values.height, columns)
    if (values.height, values.width) == size:
        return given
    ordered = bilinear(np.fft.fftshift(given, axes=1), (size[0], size[1] // 2 + 1))
    return np.fft.ifftshift(ordered, axes=1)


def maco(values: Maco, state: Numbers, size: Size) -> Numbers:
    """Xplique's maco_image_parametrization, Horama's with ddof 1."""
    if isinstance(values.magnitude, PowerLaw):
        law = values.magnitude
        magnitude = np.stack([k / frequencies(size) ** slope for k, slope in zip(law.scales, law.slopes, strict=True)])
    else:
        magnitude = resized_magnitude(values.magnitude, size)
    phase = (state - state.mean()) / (state.std(ddof=values.ddof) + values.epsilon)
    waves = np.fft.irfft2(magnitude * np.exp(1j * phase), s=size)
    waves = (waves - waves.mean()) / (waves.std(ddof=values.ddof) + values.epsilon)
    return sigmoid(coloured(waves, values.colour))


def cppn(values: Cppn, state: Numbers, size: Size, channels: int = 3) -> Numbers:
    """Lucid's cppn (optvis/param/cppn.py): 1 x 1 convolutions of the coordinates."""
    reach, inputs, shapes = 3**0.5, 2, list[tuple[int, ...]]()
    for outputs in [values.channels] * values.layers + [channels]:
        shapes += [(outputs, inputs), (outputs,)]
        inputs = 2 * values.channels
    parts = pieces(state, shapes)
    x = np.zeros((2, *size))
    x[0] = np.linspace(-reach, reach, size[0])[:, None]
    x[1] = np.linspace(-reach, reach, size[1])[None, :]
    for n in range(values.layers + 1):
        a = np.einsum("oi,iyx->oyx", parts[2 * n], x) + parts[2 * n + 1][:, None, None]
        angle = np.arctan(a)
        x = np.concatenate([angle / 0.67, angle * angle / 0.6])
    return sigmoid(a)


#: The twin of every parametrization, from (values, state of one element, size) to the picture [C, H, W].
TWINS: Mapping[type[Any], Callable[[Any, Numbers, Size], Numbers]] = {
    Fourier: fourier,
    Pixel: pixel,
    Laplacian: laplacian,
    MultiResolution: multi_resolution,
    Maco: maco,
    Cppn: cppn,
}


def twin(parametrization: Parametrization, state: Numbers, size: Size) -> Numbers:
    """Return the picture of one element's state."""
    return TWINS[type(parametrization)](parametrization, state, size)


LAW = PowerLaw((1.91, 2.09, 1.95), (1.0, 0.3, 0.1))
BASIS = (0.5, 0.2, 0.1, 0.5, -0.1, -0.2, 0.4, -0.3, 0.3)


def a_measured_magnitude(height: int, width: int) -> Measured:
    """Return a magnitude of random numbers above 0."""
    numbers = np.random.default_rng((height, width)).uniform(0.1, 2, 3 * height * (width // 2 + 1))
    return Measured.of(height, width, numbers)


@dataclass(frozen=True)
class Case:
    """A parametrization, and the standard deviation of states that make a picture with some contrast."""

    name: str
    values: Parametrization
    deviation: float = 1.0


CASES = [
    Case("fourier", Fourier()),
    Case("fourier of DreamLens's decay", Fourier(decay_power=1.5, divisor=5.0)),
    Case("fourier without colours", Fourier(decay_power=0.5, colour="none")),
    Case("fourier in a fitted basis", Fourier(colour=BASIS)),
    Case("pixel", Pixel()),
    Case("pixel in Lucid's colours", Pixel(colour="lucid")),
    Case("pixel by tanh", Pixel("tanh")),
    Case("pixel, clamped", Pixel("clamp", mean=0.5)),
    Case("pixel, unbounded", Pixel("unbounded", colour=BASIS)),
    Case("laplacian", Laplacian(), 0.5),
    Case("laplacian of one level", Laplacian(levels=1, colour="none")),
    Case("laplacian of six levels", Laplacian(levels=6), 0.5),
    Case("multi-resolution", MultiResolution((1, 5, 9, 14)), 0.5),
    Case("maco", Maco(LAW)),
    Case("maco as Horama", Maco(LAW, ddof=1, epsilon=1e-4, colour="none")),
    Case("maco of a measured magnitude", Maco(a_measured_magnitude(9, 12))),
    Case("cppn", Cppn(), 0.2),
    Case("cppn of one layer", Cppn(layers=1, channels=3)),
]


def forward(parametrization: Parametrization, size: Size, batch: int = 1) -> Exact:
    """Return the decoder in float64, without its gradient."""
    model = decode(parametrization, size, batch)
    picture = next(value for value in model.graph.outputs if value.name == "picture")
    graph = ir.convenience.extract(model.graph, [model.graph.inputs[0]], [picture])
    return Exact(ir.Model(graph, ir_version=model.ir_version))
