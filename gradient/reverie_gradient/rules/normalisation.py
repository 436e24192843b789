"""Rules for normalisations and softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.shapes import count, sum_to
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


@vjp("LayerNormalization")
def _layer(call: Call) -> Sequence[Term | None]:
    rank = call.x.rank
    axes = range(call.integer("axis", -1) % rank, rank)
    scale = call.input(1)
    dx, dscale = _standardised(call, axes, scale)
    dbias = [sum_to(call.dy, call.y.dims, call.input(2))] if call.has(2) else []
    return [dx, sum_to(dscale, call.y.dims, scale), *dbias]


@vjp("InstanceNormalization")
def _instance(call: Call) -> Sequence[Term | None]:
    axes = range(2, call.x.rank)
    per_channel = np.array([-1, *(1 for _ in axes)], np.int64)
    dx, dscale = _standardised(call, axes, call.input(1).apply("Reshape", per_channel))
    others = np.array([0, *axes], np.int64)
    return [dx, *(g.apply("ReduceSum", others, keepdims=0) for g in (dscale, call.dy))]


def _standardised(call: Call, axes: Sequence[int], scale: Term) -> tuple[Term, Term]:
    """Differentiate y = scale u + bias, u = (x - mean) / sqrt(var + epsilon), over ``axes``; return dx and dy u.

    With g = dy scale, dx = (g - mean(g) - u mean(g u)) / sqrt(var + epsilon): Ba et al. 2016, arXiv:1607.06450.
    """
    x, dy = call.x, call.dy
    along, n = np.array(axes, np.int64), count(x, axes, x.dtype)

    def mean(t: Term) -> Term:
        return t.apply("ReduceSum", along, keepdims=1) / n

    centred = x - mean(x)
    deviation = (mean(centred * centred) + call.number("epsilon", 1e-5)).apply("Sqrt")
    u = centred / deviation
    g = dy * scale
    return (g - mean(g) - u * mean(g * u)) / deviation, dy * u


@vjp("Softmax")
def _softmax(call: Call) -> Sequence[Term | None]:
    weighted = call.dy * call.y
    return [weighted - call.y * _total(call, weighted)]


@vjp("LogSoftmax")
def _log_softmax(call: Call) -> Sequence[Term | None]:
    return [call.dy - call.y.apply("Exp") * _total(call, call.dy)]


def _total(call: Call, g: Term) -> Term:
    return g.apply("ReduceSum", np.array([call.integer("axis", -1)], np.int64), keepdims=1)
