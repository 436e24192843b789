"""A network from coordinates to colour, after Lucid (optvis/param/cppn.py).

    x_0 = (row, column), each from -sqrt(3) to sqrt(3)
    a = W x + b        x <- (atan(a) / 0.67, atan(a)^2 / 0.6), both one after the other        for each hidden layer
    picture = sigmoid(W x + b)

The state is flat: the weights and biases of each layer. At first the weights of hidden layers are normal with the
variance 2 / inputs (TensorFlow 1's variance_scaling_initializer), their biases with a standard deviation of 0.1, and
the last layer is 0. Small learning rates suit it, such as Lucid's 0.005 with Adam.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.parametrizations.entry import Entry, Float
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Cppn

REACH = np.sqrt(3)
BIAS = 0.1


def layers(values: Cppn, channels: int) -> list[tuple[int, int]]:
    """Return the outputs and inputs of each layer, the last one that of the colours."""
    hidden = [(values.channels, 2 if i == 0 else 2 * values.channels) for i in range(values.layers)]
    return [*hidden, (channels, 2 * values.channels)]


def _graph(values: Cppn, size: Size, batch: int, channels: int) -> ir.Model:
    height, width = size
    rows, columns = (np.linspace(-REACH, REACH, side) for side in size)
    points = np.stack(np.meshgrid(rows, columns, indexing="ij")).reshape(1, 2, -1)
    constants = {
        "x0": np.repeat(points, batch, axis=0).astype(np.float32),
        "last_axis": np.array([3]),
        "bend": np.array(1 / 0.67, np.float32),
        "bend_square": np.array(1 / 0.6, np.float32),
        "full": np.array([batch, channels, height, width]),
    }
    body, begin = "", 0
    shapes = layers(values, channels)
    for i, (outputs, inputs) in enumerate(shapes):
        middle, end = begin + outputs * inputs, begin + outputs * inputs + outputs
        constants |= {
            f"begin{i}": np.array([begin]),
            f"middle{i}": np.array([middle]),
            f"end{i}": np.array([end]),
            f"matrix{i}": np.array([batch, outputs, inputs]),
            f"column{i}": np.array([batch, outputs, 1]),
        }
        body += f"""
            weights{i} = Slice(state, begin{i}, middle{i}, last_axis)
            w{i} = Reshape(weights{i}, matrix{i})
            biases{i} = Slice(state, middle{i}, end{i}, last_axis)
            b{i} = Reshape(biases{i}, column{i})
            product{i} = MatMul(w{i}, x{i})
            a{i} = Add(product{i}, b{i})
            """
        if i < len(shapes) - 1:
            body += f"""
            angle{i} = Atan(a{i})
            square{i} = Mul(angle{i}, angle{i})
            odd{i} = Mul(angle{i}, bend)
            even{i} = Mul(square{i}, bend_square)
            x{i + 1} = Concat <axis = 1> (odd{i}, even{i})
            """
        begin = end
    body += f"colours = Sigmoid(a{len(shapes) - 1}) picture = Reshape(colours, full)"
    return fragment(
        f"decode (float[{batch}, 1, 1, {begin}] state) => (float[{batch}, {channels}, {height}, {width}] picture)",
        body,
        constants,
    )


def _shape(values: Cppn, size: Size, channels: int) -> tuple[int, int, int]:
    return 1, 1, sum(outputs * (inputs + 1) for outputs, inputs in layers(values, channels))


def _initial(values: Cppn, draws: Draws, shape: tuple[int, int, int]) -> Float:
    parts: list[Float] = []
    for outputs, inputs in layers(values, 1)[:-1]:
        parts += [draws.normals(outputs * inputs) * np.sqrt(2 / inputs), draws.normals(outputs) * BIAS]
    hidden = np.concatenate(parts)
    return np.concatenate([hidden, np.zeros(int(np.prod(shape)) - len(hidden))]).reshape(shape)


ENTRY = Entry(_graph, _shape, _initial)
