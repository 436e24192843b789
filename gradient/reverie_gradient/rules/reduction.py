"""Rules for operators that reduce axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reverie_gradient.shapes import count, expand_like
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("ReduceSum", "ReduceMean")
def _reduce(call: Call) -> Sequence[Term | None]:
    axes = _axes(call)
    if axes is None:
        return [call.dy]
    dy = call.dy
    if call.node.op_type == "ReduceMean":
        dy = dy / count(call.x, axes, dy.dtype)
    if not call.integer("keepdims", 1):
        dy = dy.apply("Unsqueeze", axes)
    return [expand_like(dy, call.x)]


@vjp("ReduceMax", "ReduceMin")
def _extreme(call: Call) -> Sequence[Term | None]:
    """Pass the gradient to the largest or smallest element; equal ones share it."""
    along = _axes(call)
    if along is None:
        return [call.dy]
    y, dy = call.y, call.dy
    if not call.integer("keepdims", 1):
        y, dy = y.apply("Unsqueeze", along), dy.apply("Unsqueeze", along)
    return [share_evenly(call.x, y, dy, along)]


@vjp("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def _measure(call: Call) -> Sequence[Term | None]:
    along = _axes(call)
    if along is None:
        raise call.refuse("it reduces no axis, and ONNX does not say what it computes then")
    x, y, dy = call.x, call.y, call.dy
    if not call.integer("keepdims", 1):
        y, dy = (t.apply("Unsqueeze", along) for t in (y, dy))
    return [measures[call.node.op_type](dy, x, y)]


# dx; ``dy`` and ``y`` have size 1 along the axes reduced.
measures: dict[str, Callable[[Term, Term, Term], Term]] = {
    "ReduceL1": lambda dy, x, y: dy * x.apply("Sign"),
    "ReduceL2": lambda dy, x, y: y.apply("Equal", 0.0).apply("Where", y.constant(0.0), dy / y) * x,  # 0 at the kink
    "ReduceLogSum": lambda dy, x, y: expand_like(dy / y.apply("Exp"), x),
    "ReduceLogSumExp": lambda dy, x, y: dy * (x - y).apply("Exp"),
    "ReduceSumSquare": lambda dy, x, y: dy * 2 * x,
}


@vjp("ReduceProd")
def _product(call: Call) -> Sequence[Term | None]:
    """Multiply by the product of all other elements: y / x, unless there are zeros."""
    axes = _axes(call)
    if axes is None:
        return [call.dy]
    x, dy = call.x, call.dy
    if not call.integer("keepdims", 1):
        dy = dy.apply("Unsqueeze", axes)
    zero = x.apply("Equal", 0.0)
    filled = zero.apply("Where", x.constant(1.0), x)
    given = (axes,) if call.opset >= 18 else ()
    product = filled.apply("ReduceProd", *given, keepdims=1, **({} if given else {"axes": axes}))
    zeros = zero.apply("Cast", to=int(x.dtype))
    others = zeros.apply("ReduceSum", axes, keepdims=1) - zeros
    return [others.apply("Equal", 0.0).apply("Where", dy * product / filled, 0.0)]


def share_evenly(x: Term, y: Term, dy: Term, axes: list[int]) -> Term:
    """Share ``dy`` among the elements of ``x`` that equal ``y``, which has size 1 along ``axes``."""
    picked = x.apply("Equal", y).apply("Cast", to=int(x.dtype))
    return picked * (dy / picked.apply("ReduceSum", axes, keepdims=1))


def _axes(call: Call) -> list[int] | None:
    """Return the axes reduced: an attribute in old opsets, an input in new ones. None: the node does nothing."""
    axes = call.integers("axes")
    if call.has(1):
        given = call.constant(1)
        if given is None:
            raise call.refuse("its axes are computed at run time; make them a constant")
        axes = tuple(int(a) for a in given)
    rank = call.x.rank
    if not axes:
        return None if call.integer("noop_with_empty_axes", 0) else list(range(rank))
    return sorted(a % rank for a in axes)
