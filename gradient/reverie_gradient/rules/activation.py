"""Rules for smooth and piecewise activations, and for the maximum or minimum of several tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

from reverie_gradient.shapes import sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

# ----- smooth -----


@vjp("Gelu")
def _gelu(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x P(x), P the normal distribution or one made of tanh: Hendrycks 2016, arXiv:1606.08415."""
    x, y, dy = call.x, call.y, call.dy
    if call.string("approximate", "none") == "tanh":
        a, b = sqrt(2 / pi), 0.044715
        square = x * x
        p = (x * (square * (2 * a * b) + 2 * a)).apply("Sigmoid")  # (1 + tanh(u)) / 2 = sigmoid(2 u)
        return [dy * (p + x * p * (1 - p) * (square * (6 * a * b) + 2 * a))]
    density = (x * x * -0.5).apply("Exp") * (1 / sqrt(2 * pi))
    return [dy * (_factor(x, y, at_zero=0.5) + x * density)]


@vjp("Mish")
def _mish(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x t, t = tanh(softplus(x))."""
    x = call.x
    t = _factor(x, call.y, at_zero=0.6)
    return [call.dy * (t + x * x.apply("Sigmoid") * (1 - t * t))]


@vjp("Swish")
def _swish(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x sigmoid(alpha x)."""
    alpha = call.number("alpha", 1.0)
    s = (call.x * alpha).apply("Sigmoid")
    return [call.dy * (s + call.y * (1 - s) * alpha)]


@vjp("Softplus")
def _softplus(call: Call) -> Sequence[Term | None]:
    return [call.dy * call.x.apply("Sigmoid")]


@vjp("Softsign")
def _softsign(call: Call) -> Sequence[Term | None]:
    wide = call.x.apply("Abs") + 1.0
    return [call.dy / (wide * wide)]


def _factor(x: Term, y: Term, *, at_zero: float) -> Term:
    """Return f(x) for y = x f(x); the quotient is as accurate as y, even where f is tiny."""
    return x.apply("Equal", 0.0).apply("Where", x.constant(at_zero), y / x)


# ----- piecewise -----


@vjp("LeakyRelu")
def _leaky_relu(call: Call) -> Sequence[Term | None]:
    return [_by_sign(call, call.dy, call.dy * call.number("alpha", 0.01))]


@vjp("Celu", "Elu", "Selu")
def _elu(call: Call) -> Sequence[Term | None]:
    """Differentiate y = gamma x for x > 0, and gamma alpha (exp(x / width) - 1) elsewhere."""
    selu, celu = call.node.op_type == "Selu", call.node.op_type == "Celu"
    alpha = call.number("alpha", 1.6732632423543772 if selu else 1.0)
    gamma = call.number("gamma", 1.0507009873554805) if selu else 1.0
    width, steepness = (alpha, 1.0) if celu else (1.0, alpha)
    low = call.x.apply("Min", 0.0)  # exp(low) is 1 for x > 0, and cannot overflow
    decay = (low if width == 1.0 else low / width).apply("Exp")
    dy = call.dy if gamma == 1.0 else call.dy * gamma
    return [dy * decay if steepness == 1.0 else _by_sign(call, dy, dy * decay * steepness)]


@vjp("ThresholdedRelu")
def _thresholded_relu(call: Call) -> Sequence[Term | None]:
    return [call.x.apply("Greater", call.number("alpha", 1.0)).apply("Where", call.dy, 0.0)]


@vjp("Shrink")
def _shrink(call: Call) -> Sequence[Term | None]:
    return [call.x.apply("Abs").apply("Greater", call.number("lambd", 0.5)).apply("Where", call.dy, 0.0)]


@vjp("PRelu")
def _prelu(call: Call) -> Sequence[Term | None]:
    slope = call.input(1)
    dslope = _by_sign(call, call.dy.constant(0.0), call.dy * call.x)
    return [_by_sign(call, call.dy, call.dy * slope), sum_to(dslope, call.y.dims, slope)]


@vjp("HardSigmoid")
def _hard_sigmoid(call: Call) -> Sequence[Term | None]:
    sloping = call.y.apply("Greater", 0.0).apply("And", call.y.apply("Less", 1.0))
    return [sloping.apply("Where", call.dy * call.number("alpha", 0.2), 0.0)]


@vjp("HardSwish")
def _hard_swish(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x max(0, min(1, x / 6 + 1 / 2))."""
    x, dy = call.x, call.dy
    curved = x.apply("Abs").apply("Less", 3.0)
    return [curved.apply("Where", dy * (x / 3.0 + 0.5), _by_sign(call, dy, dy.constant(0.0)))]


# ----- the largest or smallest of several tensors -----


@vjp("Max", "Min")
def _extreme(call: Call) -> Sequence[Term | None]:
    """Pass the gradient to the largest or smallest operand; equal ones share it."""
    y = call.y
    operands = [call.input(i) for i in range(len(call.inputs))]
    picked = [x.apply("Equal", y).apply("Cast", to=int(y.dtype)) for x in operands]
    times = picked[0]
    for other in picked[1:]:
        times = times + other
    share = call.dy / times
    return [sum_to(share * p, y.dims, x) for x, p in zip(operands, picked, strict=True)]


def _by_sign(call: Call, right: Term, left: Term) -> Term:
    """Return ``right`` where x > 0 and ``left`` elsewhere."""
    return call.x.apply("Greater", 0.0).apply("Where", right, left)
