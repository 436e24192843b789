"""MACO: a spectrum of a fixed magnitude M, of which only the phase is optimised (Fel et al. 2023, arXiv:2306.06805).

    p = (phase - mean) / (sd + eps)
    t = irfft2(M cos p + i M sin p)         t <- (t - mean) / (sd + eps)
    picture = sigmoid(t C')

Means and standard deviations are those of all numbers of an element, with ``ddof`` less as the divisor's count. The
magnitude's scale does not matter, because the waves are standardised.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.entry import Entry, Float, normal, spread
from reverie_ascent.program.parametrizations.fourier import inverse_transform
from reverie_ascent.program.parametrizations.magnitude import magnitude
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Maco


def _standardized(source: str, target: str, count: int, ddof: int) -> tuple[str, dict[str, npt.NDArray[np.generic]]]:
    """Return nodes that standardise a value over all axes but the first, and their constants."""
    body = f"""
        {target}_mean = ReduceMean <keepdims = 1> ({source}, around)
        {target}_away = Sub({source}, {target}_mean)
        {target}_square = Mul({target}_away, {target}_away)
        {target}_sum = ReduceSum <keepdims = 1> ({target}_square, around)
        {target}_variance = Div({target}_sum, {target}_count)
        {target}_deviation = Sqrt({target}_variance)
        {target}_raised = Add({target}_deviation, epsilon)
        {target} = Div({target}_away, {target}_raised)
        """
    return body, {f"{target}_count": np.array(count - ddof, np.float32)}


def _graph(values: Maco, size: Size, batch: int, channels: int) -> ir.Model:
    (height, width), columns = size, size[1] // 2 + 1
    first, first_constants = _standardized("state", "phase", channels * height * columns, values.ddof)
    second, second_constants = _standardized("unscaled", "waves", channels * height * width, values.ddof)
    transform, constants = inverse_transform(size, batch, channels)
    end = colour.end(values.colour, size, batch, channels)
    # The transform's factor 1 / (H W) is left out of float32's way: it cancels when the waves are standardised, except
    # for epsilon, so it is applied to the magnitude in float64.
    level = magnitude(values.magnitude, size, channels) / (height * width)
    return fragment(
        f"decode (float[{batch}, {channels}, {height}, {columns}] state)"
        f" => (float[{batch}, {channels}, {height}, {width}] picture)",
        first
        + """
        cosine = Cos(phase)
        sine = Sin(phase)
        real = Mul(cosine, level)
        imaginary = Mul(sine, level)
        real_part = Unsqueeze(real, part_axis)
        imaginary_part = Unsqueeze(imaginary, part_axis)
        parts = Concat <axis = 2> (real_part, imaginary_part)
        """
        + transform.replace("waves =", "unscaled =")
        + second
        + end.body,
        {
            "around": np.array([1, 2, 3]),
            "epsilon": np.array(values.epsilon, np.float32),
            "level": level.astype(np.float32),
            "part_axis": np.array([2]),
            **constants,
            **first_constants,
            **second_constants,
            **end.constants,
        },
    )


def _shape(values: Maco, size: Size, channels: int) -> tuple[int, int, int]:
    return channels, size[0], size[1] // 2 + 1


def _initial(values: Maco, draws: Draws, shape: tuple[int, int, int]) -> Float:
    return spread(0, np.pi, draws, shape) if values.noise == "uniform" else normal(1.0, draws, shape)


ENTRY = Entry(_graph, _shape, _initial)
