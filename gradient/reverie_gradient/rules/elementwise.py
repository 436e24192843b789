"""Rules for operators that act on each element by itself.

In every formula ``dy`` is the gradient of the output ``y``, and ``x`` (or ``a``, ``b``) are the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sqrt

from reverie_gradient.masks import where_positive
from reverie_gradient.shapes import sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

# ----- one input: dx -----

unary: dict[str, Callable[[Term, Term, Term], Term]] = {
    "Abs": lambda dy, x, y: dy * x.apply("Sign"),  # 0 at the kink
    # (1 - x) (1 + x) is accurate near the ends, where 1 - x x is not; likewise below.
    "Acos": lambda dy, x, y: -dy / ((1 - x) * (1 + x)).apply("Sqrt"),
    "Acosh": lambda dy, x, y: dy / ((x - 1) * (x + 1)).apply("Sqrt"),
    "Asin": lambda dy, x, y: dy / ((1 - x) * (1 + x)).apply("Sqrt"),
    "Asinh": lambda dy, x, y: dy / (x * x + 1).apply("Sqrt"),
    "Atan": lambda dy, x, y: dy / (x * x + 1),
    "Atanh": lambda dy, x, y: dy / ((1 - x) * (1 + x)),
    "Cos": lambda dy, x, y: -dy * x.apply("Sin"),
    "Cosh": lambda dy, x, y: dy * y * x.apply("Tanh"),  # sinh, computed so that it is accurate near 0
    "Erf": lambda dy, x, y: dy * (-(x * x)).apply("Exp") * (2 / sqrt(pi)),
    "Exp": lambda dy, x, y: dy * y,
    "Identity": lambda dy, x, y: dy,
    "Log": lambda dy, x, y: dy / x,
    "Neg": lambda dy, x, y: -dy,
    "Reciprocal": lambda dy, x, y: -dy * y * y,
    "Relu": lambda dy, x, y: where_positive(y, dy),  # 0 at the kink
    "Sigmoid": lambda dy, x, y: dy * y * (1 - y),
    "Sin": lambda dy, x, y: dy * x.apply("Cos"),
    "Sinh": lambda dy, x, y: dy * (x.apply("Exp") + (-x).apply("Exp")) * 0.5,
    "Sqrt": lambda dy, x, y: dy / (y * 2),
    "Tan": lambda dy, x, y: dy * (y * y + 1),
    "Tanh": lambda dy, x, y: dy * (1 - y * y),
}

# ----- two inputs, broadcast against each other: (da, db) -----

binary: dict[str, Callable[[Term, Term, Term, Term], tuple[Term, Term]]] = {
    "Add": lambda dy, a, b, y: (dy, dy),
    "Div": lambda dy, a, b, y: (dy / b, -dy * y / b),
    "Mod": lambda dy, a, b, y: (dy, dy * (y - a) / b),  # y = a - n b, n piecewise constant
    "Mul": lambda dy, a, b, y: (dy * b, dy * a),
    "Sub": lambda dy, a, b, y: (dy, -dy),
}


@vjp(*unary)
def _unary(call: Call) -> Sequence[Term | None]:
    return [unary[call.node.op_type](call.dy, call.x, call.y)]


@vjp(*binary)
def _binary(call: Call) -> Sequence[Term | None]:
    a, b = call.input(0), call.input(1)
    da, db = binary[call.node.op_type](call.dy, a, b, call.y)
    return [sum_to(da, call.y.dims, a), sum_to(db, call.y.dims, b)]


# ----- the rest -----


@vjp("Pow")
def _pow(call: Call) -> Sequence[Term | None]:
    x, exponent, dy, y = call.x, call.input(1), call.dy, call.y
    power = exponent if exponent.dtype == x.dtype else exponent.apply("Cast", to=int(x.dtype))
    dx = dy * power * x.apply("Pow", power - 1)
    # y log x tends to 0 with x; a negative base has no derivative, and Log says so with NaN.
    dpower = x.apply("Equal", 0.0).apply("Where", x.constant(0.0), dy * y * x.apply("Log"))
    return [sum_to(dx, y.dims, x), sum_to(dpower, y.dims, exponent)]


@vjp("Clip")
def _clip(call: Call) -> Sequence[Term | None]:
    # The bounds themselves pass the gradient, as in torch.
    return [call.y.apply("Equal", call.x).apply("Where", call.dy, 0.0)]


@vjp("Where")
def _where(call: Call) -> Sequence[Term | None]:
    chosen, dy = call.input(0), call.dy
    kept = chosen.apply("Where", dy, 0.0)
    rest = chosen.apply("Where", dy.constant(0.0), dy)
    return [None, sum_to(kept, call.y.dims, call.input(1)), sum_to(rest, call.y.dims, call.input(2))]


@vjp("Mean", "Sum")
def _sum(call: Call) -> Sequence[Term | None]:
    dy = call.dy if call.node.op_type == "Sum" else call.dy / float(len(call.inputs))
    return [sum_to(dy, call.y.dims, call.input(i)) for i in range(len(call.inputs))]


@vjp("Cast", "CastLike")
def _cast(call: Call) -> Sequence[Term | None]:
    return [call.dy.apply("Cast", to=int(call.x.dtype))]


@vjp("Dropout")
def _dropout(call: Call) -> Sequence[Term | None]:
    training = call.constant(2)
    if call.has(2) and (training is None or training.item()):
        raise call.refuse("training_mode is set or computed; only the inference form, the identity, is covered")
    return [call.dy]
