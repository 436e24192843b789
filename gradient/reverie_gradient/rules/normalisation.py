"""Rules for normalisations and softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.shapes import count, reshape_like, sum_to
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
    axes = [0, *range(2, x.rank)]
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
    per_channel = [-1, *(1 for _ in axes)]
    dx, dscale = _standardised(call, axes, call.input(1).apply("Reshape", per_channel))
    others = [0, *axes]
    return [dx, *(g.apply("ReduceSum", others, keepdims=0) for g in (dscale, call.dy))]


@vjp("GroupNormalization")
def _group(call: Call) -> Sequence[Term | None]:
    groups = call.integer("num_groups", 1)
    x, dy = call.x, call.dy
    by_group = [0, groups, -1]
    per_channel = [-1, *(1 for _ in range(2, x.rank))]
    g = (dy * call.input(1).apply("Reshape", per_channel)).apply("Reshape", by_group)
    n = count(x, range(1, x.rank), x.dtype) / float(groups)
    u, dx = _standardise(x.apply("Reshape", by_group), g, [2], n, call.number("epsilon", 1e-5))
    others = [0, *range(2, x.rank)]
    dscale, dbias = (t.apply("ReduceSum", others, keepdims=0) for t in (dy * reshape_like(u, x), dy))
    return [reshape_like(dx, x), dscale, dbias]


@vjp("MeanVarianceNormalization")
def _mean_variance(call: Call) -> Sequence[Term | None]:
    axes = [a % call.x.rank for a in call.integers("axes") or (0, 2, 3)]
    # ONNX adds 1e-9 to the deviation. Its square under the root differs only where everything is equal.
    n = count(call.x, axes, call.x.dtype)
    _, dx = _standardise(call.x, call.dy, axes, n, 1e-18)
    return [dx]


def _standardised(call: Call, axes: Sequence[int], scale: Term) -> tuple[Term, Term]:
    """Differentiate y = scale u + bias over ``axes``; return dx and dy u."""
    along, n = [*axes], count(call.x, axes, call.x.dtype)
    u, dx = _standardise(call.x, call.dy * scale, along, n, call.number("epsilon", 1e-5))
    return dx, call.dy * u


def _standardise(x: Term, g: Term, axes: list[int], n: Term | float, epsilon: float) -> tuple[Term, Term]:
    """Return u = (x - mean) / sqrt(v), v = var + epsilon, over ``axes`` of ``n`` elements, and dx for the gradient g.

    With c = x - mean, dx = (g - mean(g) - c mean(g c) / v) / sqrt(v): Ba et al. 2016, arXiv:1607.06450. What can be
    computed once per mean is not computed per element.
    """

    def mean(t: Term) -> Term:
        return t.apply("ReduceSum", axes, keepdims=1) / n

    centred = x - mean(x)
    variance = mean(centred * centred) + epsilon
    shrink = 1 / variance.apply("Sqrt")
    return centred * shrink, (g - mean(g) - centred * (mean(g * centred) / variance)) * shrink


@vjp("RMSNormalization")
def _root_mean_square(call: Call) -> Sequence[Term | None]:
    """Differentiate y = scale u, u = x / sqrt(mean(x x) + epsilon): Zhang and Sennrich 2019, arXiv:1910.07467."""
    x, dy, scale, rank = call.x, call.dy, call.input(1), call.x.rank
    axes = np.arange(call.integer("axis", -1) % rank, rank, dtype=np.int64)
    n = count(x, axes.tolist(), x.dtype)

    def mean(t: Term) -> Term:
        return t.apply("ReduceSum", axes, keepdims=1) / n

    square = mean(x * x) + call.number("epsilon", 1e-5)
    shrink, g = 1 / square.apply("Sqrt"), dy * scale
    return [(g - x * (mean(g * x) / square)) * shrink, sum_to(dy * x * shrink, call.y.dims, scale)]


@vjp("LpNormalization")
def _lp(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x / |x|, where |x| is the sum of magnitudes or the Euclidean length along an axis."""
    x, y, dy = call.x, call.y, call.dy
    axis = [call.integer("axis", -1)]

    def total(t: Term) -> Term:
        return t.apply("ReduceSum", axis, keepdims=1)

    if call.integer("p", 2) == 1:
        return [(dy - x.apply("Sign") * total(dy * y)) / total(x.apply("Abs"))]
    return [(dy - y * total(dy * y)) / total(x * x).apply("Sqrt")]


@vjp("LRN")
def _local_response(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x d^-beta, d = bias + alpha mean(x x) over ``size`` channels around each, padded with zeros.

    dx = dy d^-beta - 2 alpha beta x mean'(dy y / d), where mean' is over the channels whose neighbour x is.
    """
    size = call.integer("size", 1)
    alpha, beta, bias = call.number("alpha", 1e-4), call.number("beta", 0.75), call.number("bias", 1.0)
    before, after = (size - 1) // 2, size // 2

    def mean(t: Term, pads: list[int]) -> Term:
        """Average over neighbouring channels, as a pooling of the image [channels, positions]."""
        flat = t.apply("Reshape", [0, 0, -1]).apply("Unsqueeze", [1])
        pooled = flat.apply("AveragePool", kernel_shape=[size, 1], pads=pads, count_include_pad=1)
        return reshape_like(pooled.apply("Squeeze", [1]), call.x)

    x, dy = call.x, call.dy
    d = mean(x * x, [before, 0, after, 0]) * alpha + bias
    around = mean(dy * call.y / d, [after, 0, before, 0])
    return [dy * d.apply("Pow", -beta) - x * around * (2 * alpha * beta)]


@vjp("Softmax")
def _softmax(call: Call) -> Sequence[Term | None]:
    weighted = call.dy * call.y
    return [weighted - call.y * _total(call, weighted)]


@vjp("LogSoftmax")
def _log_softmax(call: Call) -> Sequence[Term | None]:
    return [call.dy - call.y.apply("Exp") * _total(call, call.dy)]


def _total(call: Call, g: Term) -> Term:
    return g.apply("ReduceSum", [call.integer("axis", -1)], keepdims=1)
