"""The ReLU of a target layer, and what it lets through while the unit is asleep.

A unit that is negative everywhere sends nothing back, and the picture would stay grey. Lucid
(misc/redirected_relu_grad.py) lets the gradient through at first, where it would wake the unit: with g the gradient
towards a larger objective and x the input of the ReLU,

    plain       g where x > 0
    redirected  g where x > 0 or g > 0: what pushes a silent x further down stays blocked

An element takes the redirected one only if its whole plain gradient is zero, and only while its ``redirect`` is 1.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.program.objective import Activation

STEPS = 16  # that redirect, as in Lucid
STEEP = 3e38  # HardSigmoid of it is the mask of what is positive


def relu(a: Activation) -> ir.Model:
    """Return the fragment input, gradient, redirect [N] -> activation, input_gradient, awake [N].

    ``awake`` is the sum of the plain gradient's magnitudes: 0 for an element whose units are all asleep.
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
