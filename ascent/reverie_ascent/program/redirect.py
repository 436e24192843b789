"""The ReLU of a target layer with Lucid's redirected gradient, which activates units that are negative everywhere.

Such a unit has no gradient, so the picture would stay grey. In the first steps Lucid (misc/redirected_relu_grad.py)
therefore passes the part of the gradient that raises the unit. With g the gradient towards a larger objective and x the
input of the ReLU,

    plain       g if x > 0, else 0
    redirected  g if x > 0 or g > 0, else 0: a gradient that lowers a negative x stays blocked

An element gets the redirected gradient only if its whole plain gradient is zero, and only while its ``redirect`` is 1.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.objective import Activation

STEPS = 16  # the number of steps that redirect, as in Lucid
STEEP = 3e38  # a HardSigmoid with this slope is 1 for positive numbers and 0 for others


def relu(a: Activation) -> ir.Model:
    """Return the fragment input, gradient, redirect [N] -> activation, input_gradient, awake [N].

    ``awake`` is the sum of the plain gradient's magnitudes: 0 for an element whose units are all negative.
    """
    return fragment(
        f"relu ({a.text} input, {a.text} gradient, float[{a.batch}] redirect)"
        f" => ({a.text} activation, {a.text} input_gradient, float[{a.batch}] awake)",
        f"""
        activation = Relu(input)
        open = HardSigmoid <alpha = {STEEP}, beta = 0.0> (activation)
        plain = Mul(gradient, open)
        awake = ReduceL1 <keepdims = 0> (plain, axes)

        some = HardSigmoid <alpha = {STEEP}, beta = 0.0> (awake)
        asleep = Sub(one, some)
        gate = Mul(asleep, redirect)
        gates = Reshape(gate, column)
        waking = Relu(gradient)
        closed = Sub(one, open)
        held = Mul(waking, closed)
        more = Mul(gates, held)
        input_gradient = Add(plain, more)
        """,
        {
            "axes": np.arange(1, len(a.shape)),
            "one": np.ones(1, np.float32),
            "column": np.array([a.batch, *([1] * (len(a.shape) - 1))]),
        },
    )
