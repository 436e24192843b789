"""Rules for quantised networks: the straight-through estimator, with no gradient where a number saturates.

A quantised value holds integers q that stand for scale * (q - zero). Its gradient is that of a real number in place of
q, so it is a float tensor although q is not; rules receive such integers cast to floats. Rounding passes the gradient
unchanged (Bengio et al. 2013, arXiv:1308.3432), and saturation stops it. Scales and zero points are treated as
constants, even if DynamicQuantizeLinear computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from reverie_gradient.table import RULES, Call, vjp
from reverie_gradient.term import Term

# Operators whose first output holds integers and has a gradient.
QUANTISING = frozenset(
    {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear"}
)


@vjp("QuantizeLinear")
def _quantise(call: Call) -> Sequence[Term | None]:
    """Differentiate q = saturate(round(x / scale) + zero)."""
    scale = _along_axis(call, call.input(1))
    place = call.x / scale
    if call.has(2):
        place = place + _along_axis(call, call.input(2).apply("Cast", to=int(call.x.dtype)))
    low, high = _range(call)
    middle, half = (low + high) / 2, (high - low) / 2
    fits = (place - middle).apply("Abs").apply("Less", half + 0.5)  # anything else rounds to a number out of range
    return [fits.apply("Where", call.dy / scale, 0.0)]


@vjp("DynamicQuantizeLinear")
def _quantise_to_fit(call: Call) -> Sequence[Term | None]:
    """Differentiate the first output by the scale that it found; nothing saturates."""
    scale = call.outputs[1]
    assert scale is not None
    return [call.dy / scale] if call.dys[0] is not None else []


@vjp("DequantizeLinear")
def _dequantise(call: Call) -> Sequence[Term | None]:
    """Differentiate x = scale (q - zero)."""
    scale, dy = call.input(1), call.dy
    zero = _along_axis(call, call.input(2)) if call.has(2) else None
    dscale = dy * _centred(call.x, zero, dy.dtype)
    axis = call.integer("axis", 1) % call.x.rank
    others = [a for a in range(call.x.rank) if scale.rank == 0 or a != axis]
    if others:
        dscale = dscale.apply("ReduceSum", others, keepdims=0)
    return [dy * _along_axis(call, scale), dscale]


@vjp("MatMulInteger")
def _matmul_integer(call: Call) -> Sequence[Term | None]:
    """Differentiate y = (a - a_zero) (b - b_zero)."""
    zeros = [call.input(i) if call.has(i) else None for i in (2, 3)]
    a = _centred(call.input(0), None if zeros[0] is None else _rows(zeros[0]), call.dy.dtype)
    b = _centred(call.input(1), zeros[1], call.dy.dtype)
    return RULES["MatMul"](replace(call, inputs=(a, b)))


@vjp("QLinearMatMul")
def _qlinear_matmul(call: Call) -> Sequence[Term | None]:
    """Differentiate y = saturate(round(a_scale (a - a_zero) b_scale (b - b_zero) / y_scale) + y_zero)."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale = (call.input(i) for i in range(7))
    a_scale, y_scale = _rows(a_scale), _rows(y_scale)
    reals = (_centred(a, _rows(a_zero), call.dy.dtype) * a_scale, _centred(b, b_zero, call.dy.dtype) * b_scale)
    for real, whole in zip(reals, (a, b), strict=True):
        real.value.shape, real.value.dtype = whole.value.shape, call.dy.dtype
    da, db = RULES["MatMul"](replace(call, inputs=reals, dys=(_unsaturated(call) / y_scale,)))
    assert da is not None
    assert db is not None
    return [da * a_scale, None, None, db * b_scale]


@vjp("ConvInteger")
def _conv_integer(call: Call) -> Sequence[Term | None]:
    """Differentiate y = conv(x - x_zero, w - w_zero) by x."""
    zero = _kernels(call, call.input(3)) if call.has(3) else None
    w = _centred(call.input(1), zero, call.dy.dtype)
    return RULES["Conv"](replace(call, inputs=(call.x, w)))[:1]


@vjp("QLinearConv")
def _qlinear_conv(call: Call) -> Sequence[Term | None]:
    """Differentiate y = saturate(round(conv(x_scale (x - x_zero), w_scale (w - w_zero)) / y_scale) + y_zero) by x."""
    _, x_scale, _, w, w_scale, w_zero, y_scale = (call.input(i) for i in range(7))
    real = _centred(w, _kernels(call, w_zero), call.dy.dtype) * _kernels(call, w_scale)
    real.value.shape, real.value.dtype = w.value.shape, call.dy.dtype
    (dx, *_) = RULES["Conv"](replace(call, inputs=(call.x, real), dys=(_unsaturated(call) / y_scale,)))
    assert dx is not None
    return [dx * x_scale]


def _centred(q: Term, zero: Term | None, dtype: ir.DataType) -> Term:
    """Return q - zero as real numbers."""
    real = q if q.dtype == dtype else q.apply("Cast", to=int(dtype))
    if zero is not None:
        real = real - zero.apply("Cast", to=int(dtype))
    if real is not q:
        real.value.shape, real.value.dtype = q.value.shape, dtype
    return real


def _unsaturated(call: Call) -> Term:
    """Return the gradient where the result lies inside its range; at its ends it may have saturated."""
    low, high = _range(call)
    inside = (call.y - (low + high) / 2).apply("Abs").apply("Less", (high - low) / 2)
    return inside.apply("Where", call.dy, 0.0)


def _range(call: Call) -> tuple[int, int]:
    """Return the smallest and the largest integer that the output can hold."""
    dtype = call.node.outputs[0].dtype
    if dtype is None or not dtype.is_integer():
        raise call.refuse(f"it quantises to {dtype}; only integers are covered")
    bits = int(dtype.bitwidth)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if dtype.is_signed() else (0, (1 << bits) - 1)


def _along_axis(call: Call, t: Term) -> Term:
    """Line up a scale or zero point, one for all or one for each index of an axis, with the first input."""
    if call.integer("block_size", 0):
        raise call.refuse("quantisation in blocks is not covered, only by tensor and by axis")
    rank = call.x.rank
    if t.rank == 0:
        return t
    shape = np.ones(rank, np.int64)
    shape[call.integer("axis", 1) % rank] = -1
    return t.apply("Reshape", shape)


def _rows(t: Term) -> Term:
    """Line up a scale or zero point, one for all or one for each row, with a matrix."""
    return t.apply("Unsqueeze", [1]) if t.rank == 1 else t


def _kernels(call: Call, t: Term) -> Term:
    """Line up a scale or zero point, one for all or one for each output channel, with the weights of a convolution."""
    return t.apply("Reshape", [-1] + [1] * (call.x.rank - 1)) if t.rank == 1 else t
