"""Adam (Kingma and Ba 2014, arXiv:1412.6980) as a fragment that ascends, and two sums that describe each element.

It has TensorFlow's form, which Lucid uses, with the bias corrections in the rate:

    m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2        x <- x + rate m / (sqrt(v) + eps)
    rate = learning rate * sqrt(1 - b2^t) / (1 - b1^t)            at step t = 1, 2, ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import fragment

EPSILON = 1e-8


@dataclass(frozen=True)
class Moments:
    """Adam's decay rates: the shares of the means of the gradients and of their squares that remain after a step."""

    first: float
    second: float

    def correction(self, step: int) -> float:
        """Return the factor of the learning rate at step 1, 2, ... that corrects for both moments' start at 0."""
        return math.sqrt(1 - self.second**step) / (1 - self.first**step)


def adam(shape: Sequence[int]) -> ir.Model:
    """Return the fragment state, m, v, gradient, rate, b1, b2 -> new_state, new_m, new_v, reach [N], extent [N].

    ``rate`` and the moments ``b1`` and ``b2`` are [N, 1, 1, 1].

    ``reach`` is the sum of the squares of the gradient, ``extent`` that of the new state. A ``reach`` of 0 shows that
    an element has no gradient, and a sum that is not finite that it has diverged, while the state stays on the device.
    """
    state = f"float[{', '.join(map(str, shape))}]"
    batch = shape[0]
    each = f"float[{batch}, 1, 1, 1]"
    return fragment(
        f"adam ({state} state, {state} m, {state} v, {state} gradient, {each} rate, {each} b1, {each} b2)"
        f" => ({state} new_state, {state} new_m, {state} new_v, float[{batch}] reach, float[{batch}] extent)",
        """
        square = Mul(gradient, gradient)
        rest1 = Sub(one, b1)
        rest2 = Sub(one, b2)
        kept_m = Mul(b1, m)
        more_m = Mul(rest1, gradient)
        new_m = Add(kept_m, more_m)
        kept_v = Mul(b2, v)
        more_v = Mul(rest2, square)
        new_v = Add(kept_v, more_v)
        root = Sqrt(new_v)
        deviation = Add(root, epsilon)
        direction = Div(new_m, deviation)
        stride = Mul(rate, direction)
        new_state = Add(state, stride)
        reach = ReduceSum <keepdims = 0> (square, axes)
        large = Mul(new_state, new_state)
        extent = ReduceSum <keepdims = 0> (large, axes)
        """,
        {
            "one": np.array(1, np.float32),
            "epsilon": np.array(EPSILON, np.float32),
            "axes": np.array([1, 2, 3]),
        },
    )
