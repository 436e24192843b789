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
