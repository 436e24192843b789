"""Objectives as fragments: the score of one term from the activation of its layer, and the gradient.

After Lucid (optvis/objectives.py, objectives_util.py). With x the activation at a position, v the term's vector of one
number per channel and p its weight of the position,

    linear     sum over positions of p dot(x, v)                channel, neuron, logit, direction
    cosine     sum over positions of p dot(x, v) max(0.1, cos(x, v)) ** power
    squares    mean of x^2                                      layer: DeepDream

A layer without positions counts as one with a single position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.program.key import Form

COSINE_FLOOR = 0.1
EPSILON = 1e-4  # Lucid's
TINY = 1e-12  # added under the square root, because the length of a zero vector has no derivative


@dataclass(frozen=True)
class Activation:
    """The shape of a layer's activation: [N, C, h, w], or [N, C] without positions."""

    batch: int
    channels: int
    height: int = 1
    width: int = 1
    spatial: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape as a tuple."""
        return (self.batch, self.channels, self.height, self.width) if self.spatial else (self.batch, self.channels)

    @property
    def positions(self) -> int:
        """The number of positions."""
        return self.height * self.width

    @property
    def text(self) -> str:
        """The type in the text format of ONNX."""
        return f"float[{', '.join(map(str, self.shape))}]"


def term(form: Form, activation: Activation) -> ir.Model:
    """Return the fragment activation, weight [N] and the inputs of the form -> score [N], and activation_gradient.

    The gradient is that of the sum of the scores. Inputs of the forms: linear and cosine have vector [N, 1, C] and
    position [N, h w, 1], cosine also has power [N, 1, 1].
    """
    model = differentiate(FORMS[form](activation), of="score", wrt="activation")
    (one,) = (value for value in model.graph.inputs if value.name == "score_gradient")
    one.const_value = ir.tensor(np.ones(activation.batch, np.float32), name="score_gradient")
    model.graph.inputs.remove(one)
    model.graph.register_initializer(one)
    return model


def _linear(a: Activation) -> ir.Model:
    return fragment(
        f"linear ({a.text} activation, float[{a.batch}, 1, {a.channels}] vector,"
        f" float[{a.batch}, {a.positions}, 1] position, float[{a.batch}] weight) => (float[{a.batch}] score)",
        """
        points = Reshape(activation, flat)
        seen = MatMul(points, position)
        product = MatMul(vector, seen)
        plain = Reshape(product, line)
        score = Mul(weight, plain)
        """,
        {"flat": np.array([a.batch, a.channels, a.positions]), "line": np.array([a.batch])},
    )


def _cosine(a: Activation) -> ir.Model:
    return fragment(
        f"cosine ({a.text} activation, float[{a.batch}, 1, {a.channels}] vector,"
        f" float[{a.batch}, {a.positions}, 1] position, float[{a.batch}, 1, 1] power, float[{a.batch}] weight)"
        f" => (float[{a.batch}] score)",
        """
        points = Reshape(activation, flat)
        product = MatMul(vector, points)

        squares = Mul(points, points)
        square = ReduceSum <keepdims = 1> (squares, channels)
        raised = Add(square, tiny)
        length = Sqrt(raised)
        long = Add(length, epsilon)
        own_squares = Mul(vector, vector)
        own_square = ReduceSum <keepdims = 1> (own_squares, last)
        own_length = Sqrt(own_square)
        own_long = Add(own_length, epsilon)
        part = Div(product, long)
        cosine = Div(part, own_long)

        over = Sub(cosine, floor)
        over_or_none = Relu(over)
        floored = Add(over_or_none, floor)
        factor = Pow(floored, power)
        each = Mul(product, factor)
        seen = MatMul(each, position)
        plain = Reshape(seen, line)
        score = Mul(weight, plain)
        """,
        {
            "flat": np.array([a.batch, a.channels, a.positions]),
            "line": np.array([a.batch]),
            "channels": np.array([1]),
            "last": np.array([2]),
            "tiny": np.array(TINY, np.float32),
            "epsilon": np.array(EPSILON, np.float32),
            "floor": np.array(COSINE_FLOOR, np.float32),
        },
    )


def _squares(a: Activation) -> ir.Model:
    return fragment(
        f"squares ({a.text} activation, float[{a.batch}] weight) => (float[{a.batch}] score)",
        """
        square = Mul(activation, activation)
        plain = ReduceMean <keepdims = 0> (square, axes)
        score = Mul(weight, plain)
        """,
        {"axes": np.arange(1, len(a.shape))},
    )


FORMS: Mapping[Form, Callable[[Activation], ir.Model]] = {"linear": _linear, "cosine": _cosine, "squares": _squares}
