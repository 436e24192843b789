"""Adam (Kingma and Ba 2014, arXiv:1412.6980), uphill, with every sum over an element taken beside it.

TensorFlow's form, which Lucid uses: with the bias corrections in the rate,

    m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2        x <- x + rate m / (sqrt(v) + eps)
    rate = learning rate * sqrt(1 - b2^t) / (1 - b1^t)            at step t = 1, 2, ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from reverie_server.piece import piece

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def rate(learning_rate: float, step: int) -> float:
    """Return the rate to feed at step 1, 2, ..."""
    return learning_rate * math.sqrt(1 - BETA2**step) / (1 - BETA1**step)


def adam(shape: Sequence[int]) -> ir.Model:
    """Return the piece state, m, v, gradient, rate [N, 1, 1, 1] -> new_state, new_m, new_v, reach [N], extent [N].

    ``reach`` is the sum of the squares of the gradient, ``extent`` that of the new state: 0 and no finite number tell
    the ascent what it has to know of a picture without its leaving the device.
    """
    state = f"float[{', '.join(map(str, shape))}]"
    batch = shape[0]
    return piece(
        f"adam ({state} state, {state} m, {state} v, {state} gradient, float[{batch}, 1, 1, 1] rate)"
        f" => ({state} new_state, {state} new_m, {state} new_v, float[{batch}] reach, float[{batch}] extent)",
        """
        square = Mul(gradient, gradient)
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
            "b1": np.array(BETA1, np.float32),
            "rest1": np.array(1 - BETA1, np.float32),
            "b2": np.array(BETA2, np.float32),
            "rest2": np.array(1 - BETA2, np.float32),
            "epsilon": np.array(EPSILON, np.float32),
            "axes": np.array([1, 2, 3]),
        },
    )
