"""Rules for operators that reduce axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
        dy = dy.apply("Unsqueeze", np.array(axes, np.int64))
    return [expand_like(dy, call.x)]


@vjp("ReduceMax", "ReduceMin")
def _extreme(call: Call) -> Sequence[Term | None]:
    """Send the gradient to the element that was picked; equals share it evenly."""
    axes = _axes(call)
    if axes is None:
        return [call.dy]
    along = np.array(axes, np.int64)
    y, dy = call.y, call.dy
    if not call.integer("keepdims", 1):
        y, dy = y.apply("Unsqueeze", along), dy.apply("Unsqueeze", along)
    return [share_evenly(call.x, y, dy, along)]


def share_evenly(x: Term, y: Term, dy: Term, axes: np.ndarray) -> Term:
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
