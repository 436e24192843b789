"""Multi-resolution sum, of Direct Ascent Synthesis (Fort and Whitaker 2025, arXiv:2502.07753).

    picture = (tanh(sum over r of a picture of r by r, enlarged bicubically) + 1) / 2

The state is flat: the pictures one after the other, in the order of the resolutions; all numbers are 0 at first.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.enlarge import enlarging
from reverie_ascent.program.parametrizations.entry import Entry, Float
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import MultiResolution


def _graph(values: MultiResolution, size: Size, batch: int, channels: int) -> ir.Model:
    body, constants, begin = "", {"last_axis": np.array([3])}, 0
    for i, side in enumerate(values.resolutions):
        count = channels * side * side
        constants |= {
            f"begin{i}": np.array([begin]),
            f"end{i}": np.array([begin + count]),
            f"shape{i}": np.array([batch, channels, side, side]),
            f"down{i}": enlarging(side, size[0], "cubic").astype(np.float32),
            f"across{i}": np.ascontiguousarray(enlarging(side, size[1], "cubic").T, np.float32),
        }
        body += f"""
            line{i} = Slice(state, begin{i}, end{i}, last_axis)
            small{i} = Reshape(line{i}, shape{i})
            tall{i} = MatMul(down{i}, small{i})
            large{i} = MatMul(tall{i}, across{i})
            """
        begin += count
    end = colour.end("none", size, batch, channels, "tanh")
    body += f"waves = Sum({', '.join(f'large{i}' for i in range(len(values.resolutions)))})" + end.body
    return fragment(
        f"decode (float[{batch}, 1, 1, {begin}] state) => (float[{batch}, {channels}, {size[0]}, {size[1]}] picture)",
        body,
        {**constants, **end.constants},
    )


def _shape(values: MultiResolution, size: Size, channels: int) -> tuple[int, int, int]:
    return 1, 1, sum(channels * side * side for side in values.resolutions)


def _initial(values: MultiResolution, draws: Draws, shape: tuple[int, int, int]) -> Float:
    return np.zeros(shape)


ENTRY = Entry(_graph, _shape, _initial)
