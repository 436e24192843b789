"""Rules for activations made of pieces, and for picking the largest or smallest of several tensors."""

from __future__ import annotations

from collections.abc import Sequence

from reverie_gradient.shapes import sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("LeakyRelu")
def _leaky_relu(call: Call) -> Sequence[Term | None]:
    return [_pieces(call, call.dy, call.dy * call.number("alpha", 0.01))]


@vjp("Elu")
def _elu(call: Call) -> Sequence[Term | None]:
    return [_pieces(call, call.dy, call.dy * (call.y + call.number("alpha", 1.0)))]


@vjp("PRelu")
def _prelu(call: Call) -> Sequence[Term | None]:
    slope = call.input(1)
    dslope = _pieces(call, call.dy.constant(0.0), call.dy * call.x)
    return [_pieces(call, call.dy, call.dy * slope), sum_to(dslope, call.y.dims, slope)]


@vjp("Softplus")
def _softplus(call: Call) -> Sequence[Term | None]:
    return [call.dy * call.x.apply("Sigmoid")]


@vjp("HardSigmoid")
def _hard_sigmoid(call: Call) -> Sequence[Term | None]:
    sloping = call.y.apply("Greater", 0.0).apply("And", call.y.apply("Less", 1.0))
    return [sloping.apply("Where", call.dy * call.number("alpha", 0.2), 0.0)]


@vjp("HardSwish")
def _hard_swish(call: Call) -> Sequence[Term | None]:
    """Differentiate y = x max(0, min(1, x / 6 + 1 / 2))."""
    x, dy = call.x, call.dy
    curved = x.apply("Abs").apply("Less", 3.0)
    return [curved.apply("Where", dy * (x / 3.0 + 0.5), _pieces(call, dy, dy.constant(0.0)))]


@vjp("Max", "Min")
def _extreme(call: Call) -> Sequence[Term | None]:
    """Send the gradient to the operand that was picked; equals share it evenly."""
    y = call.y
    operands = [call.input(i) for i in range(len(call.inputs))]
    picked = [x.apply("Equal", y).apply("Cast", to=int(y.dtype)) for x in operands]
    times = picked[0]
    for other in picked[1:]:
        times = times + other
    share = call.dy / times
    return [sum_to(share * p, y.dims, x) for x, p in zip(operands, picked, strict=True)]


def _pieces(call: Call, right: Term, left: Term) -> Term:
    """Return ``right`` where x > 0 and ``left`` elsewhere."""
    return call.x.apply("Greater", 0.0).apply("Where", right, left)
