"""Laplacian pyramid, after Lucid (optvis/param/spatial.py: laplacian_pyramid).

    waves = sum over k = 1, 2, 4, ... of a picture of h // k by w // k, enlarged bilinearly to h by w
    picture = sigmoid(waves C')

The state is flat: the pictures one after the other, the largest first.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations import colour
from reverie_ascent.program.parametrizations.enlarge import enlarging
from reverie_ascent.program.parametrizations.entry import Entry, Float, normal
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Laplacian


def sizes(values: Laplacian, size: Size) -> tuple[Size, ...]:
    """Return height and width of each picture, at least 1."""
    return tuple((max(1, size[0] >> level), max(1, size[1] >> level)) for level in range(values.levels))


def _graph(values: Laplacian, size: Size, batch: int, channels: int) -> ir.Model:
    body, constants, begin = "", {"last_axis": np.array([3])}, 0
    for i, (high, wide) in enumerate(sizes(values, size)):
        count = channels * high * wide
        constants |= {
            f"begin{i}": np.array([begin]),
            f"end{i}": np.array([begin + count]),
            f"shape{i}": np.array([batch, channels, high, wide]),
            f"down{i}": enlarging(high, size[0], "linear").astype(np.float32),
            f"across{i}": np.ascontiguousarray(enlarging(wide, size[1], "linear").T, np.float32),
        }
        body += f"""
            line{i} = Slice(state, begin{i}, end{i}, last_axis)
            small{i} = Reshape(line{i}, shape{i})
            tall{i} = MatMul(down{i}, small{i})
            large{i} = MatMul(tall{i}, across{i})
            """
        begin += count
    end = colour.end(values.colour, size, batch, channels)
    body += f"waves = Sum({', '.join(f'large{i}' for i in range(values.levels))})" + end.body
    return fragment(
        f"decode (float[{batch}, 1, 1, {begin}] state) => (float[{batch}, {channels}, {size[0]}, {size[1]}] picture)",
        body,
        {**constants, **end.constants},
    )


def _shape(values: Laplacian, size: Size, channels: int) -> tuple[int, int, int]:
    return 1, 1, sum(channels * high * wide for high, wide in sizes(values, size))


def _initial(values: Laplacian, draws: Draws, shape: tuple[int, int, int]) -> Float:
    return normal(values.deviation, draws, shape)


ENTRY = Entry(_graph, _shape, _initial)
