"""Rules for normalisations and softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("BatchNormalization")
def _batch(call: Call) -> Sequence[Term | None]:
    """Differentiate the inference form, y = scale (x - mean) / sqrt(var + epsilon) + bias."""
    if call.integer("training_mode", 0):
        raise call.refuse("training_mode is set; only the inference form is covered")
    x, scale, mean, var = call.x, call.input(1), call.input(3), call.input(4)
    epsilon = call.number("epsilon", 1e-5)
    zero = scale * 0.0
    # The same operator without bias and mean: one node, and in ONNX Runtime it stays in the blocked layout.
    dx = call.dy.apply("BatchNormalization", scale, zero, zero, var, epsilon=epsilon)
    axes = np.array([0, *range(2, x.rank)], np.int64)
    one = zero + 1.0
    normal = x.apply("BatchNormalization", one, zero, mean, var, epsilon=epsilon)
    dscale = (call.dy * normal).apply("ReduceSum", axes, keepdims=0)
    dbias = call.dy.apply("ReduceSum", axes, keepdims=0)
    return [dx, dscale, dbias]


@vjp("Softmax")
def _softmax(call: Call) -> Sequence[Term | None]:
    weighted = call.dy * call.y
    return [weighted - call.y * _total(call, weighted)]


@vjp("LogSoftmax")
def _log_softmax(call: Call) -> Sequence[Term | None]:
    return [call.dy - call.y.apply("Exp") * _total(call, call.dy)]


def _total(call: Call, g: Term) -> Term:
    return g.apply("ReduceSum", np.array([call.integer("axis", -1)], np.int64), keepdims=1)
