"""Rules for pooling.

The gradient of a pooling window goes back by gathering: every input looks at the windows that cover it. Nothing is
scattered and no indices are kept, so the graph is deterministic and runs where MaxUnpool and Scatter do not exist.

Inputs that tie for a maximum share its gradient evenly. One exception is made for speed: behind a convolution, where
ties come only from an image that repeats itself exactly, each of them receives the whole gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import onnx_ir as ir

from reverie_gradient.masks import where_maximal
from reverie_gradient.rim import rim_of
from reverie_gradient.rules.reduction import share_evenly
from reverie_gradient.shapes import count, dilate, expand_like, place, sizes, spread, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import Windows, windows


@vjp("MaxPool")
def _max(call: Call) -> Sequence[Term | None]:
    win = _windows(call)
    if _tiles(call, win) and _follows_convolution(call.x.value):
        rim = rim_of(call.x, call.y, win.strides, win.axes)
        x = call.x if rim is None else rim.cut(call.x)
        dx = where_maximal(x, call.y, call.dy, lambda t: _nearest(t, win))
        return [dx if rim is None else rim.around(dx)]
    return [_overlapping_max(call, win)]


@vjp("AveragePool")
def _average(call: Call) -> Sequence[Term | None]:
    win = _windows(call)
    if call.integer("ceil_mode", 0) and not _divides(call, win):
        raise call.refuse("ceil_mode with windows that stick out is not covered")
    if _tiles(call, win):
        rim = rim_of(call.x, call.y, win.strides, win.axes)
        dx = _nearest(call.dy * (1 / float(np.prod(win.kernel))), win)
        return [dx if rim is None else rim.around(dx)]
    dy = call.dy
    if any((*win.before, *win.after)) and not call.integer("count_include_pad", 0):
        dy = dy / _filled_share(call, win)
    # The sum over the windows that cover an input is again an average: of the spread-out gradient, window by window.
    spread_out = dilate(dy, win.strides, win.axes, call.x.rank)
    margins = [r - p for r, p in zip(win.reach * 2, win.before + win.after, strict=True)]
    dx = spread_out.apply("AveragePool", kernel_shape=list(win.kernel), pads=margins, count_include_pad=1)
    if set(win.strides) != {1}:  # up to stride - 1 inputs at the end belong to no window
        dx = place(dx, [0] * len(win.axes), [s - 1 for s in win.strides], call.x, win.axes)
    return [dx]


@vjp("GlobalAveragePool")
def _global_average(call: Call) -> Sequence[Term | None]:
    return [expand_like(call.dy / count(call.x, range(2, call.x.rank), call.dy.dtype), call.x)]


@vjp("GlobalMaxPool")
def _global_max(call: Call) -> Sequence[Term | None]:
    return [share_evenly(call.x, call.y, call.dy, np.arange(2, call.x.rank, dtype=np.int64))]


def _windows(call: Call) -> Windows:
    kernel = call.integers("kernel_shape")
    assert kernel is not None
    win = windows(call, kernel)
    if set(win.dilations) != {1}:
        raise call.refuse(f"dilations {list(win.dilations)} are not covered, only 1")
    return win


def _divides(call: Call, win: Windows) -> bool:
    """Whether the last window is known to end with the padded input."""
    dims = static_dims(call.x, win.axes)
    return dims is not None and all(
        (n + b + a - r - 1) % s == 0
        for n, b, a, r, s in zip(dims, win.before, win.after, win.reach, win.strides, strict=True)
    )


def _tiles(call: Call, win: Windows) -> bool:
    """Whether the windows lie side by side and inside the input, so that every input has at most one."""
    inside = not call.integer("ceil_mode", 0) or _divides(call, win)
    return win.kernel == win.strides and not any((*win.before, *win.after)) and inside


def _nearest(t: Term, win: Windows) -> Term:
    scales = t.tape.constant(np.array([1, 1, *win.strides]), ir.DataType.FLOAT)
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return t.apply("Resize", None, scales, **attributes)


def _overlapping_max(call: Call, win: Windows) -> Term:
    """Sum over the windows that cover each input: along an axis those are its own tile's and the ones just before.

    With padded coordinates i, window o covers i when i // s = o + a for some a >= 0 and i mod s < k - a s.
    """
    x, y = call.x, call.y
    dy = call.dy / _ties(call, win)
    enlarged = _nearest(y, win)
    total: Term | None = None
    for lag in product(*(range(-(-k // s)) for k, s in zip(win.kernel, win.strides, strict=True))):
        begin = [a * s - b for a, s, b in zip(lag, win.strides, win.before, strict=True)]
        slack = [r - e - a * s for r, e, a, s in zip(win.reach, win.after, lag, win.strides, strict=True)]
        covered = [min(s, k - a * s) for s, k, a in zip(win.strides, win.kernel, lag, strict=True)]
        top = place(enlarged, begin, slack, x, win.axes)
        g = place(_spread(dy, win, covered, x.rank), begin, slack, x, win.axes)
        share = x.apply("Equal", top).apply("Where", g, 0.0)
        total = share if total is None else total + share
    assert total is not None
    return total


def _ties(call: Call, win: Windows) -> Term:
    """Count for each window the inputs that reach its maximum."""
    x, y, axes = call.x, call.y, np.array(win.axes, np.int64)
    # A window may stick out by its pad, and by less than a stride more where ceil_mode or the size lets it.
    ends = [a + s - 1 for a, s in zip(win.after, win.strides, strict=True)]
    bordered = x.apply("Pad", np.array([0, 0, *win.before, 0, 0, *ends], np.int64), -np.inf)
    strides = np.array(win.strides, np.int64)
    extent = (sizes(y, win.axes) - 1) * strides + 1
    total: Term | None = None
    for offset in product(*map(range, win.kernel)):
        start = np.array(offset, np.int64)
        element = bordered.apply("Slice", start, extent + start, axes, strides)
        reached = element.apply("Equal", y).apply("Cast", to=int(x.dtype))
        total = reached if total is None else total + reached
    assert total is not None
    return total


def _follows_convolution(x: ir.Value) -> bool:
    node = x.producer()
    while node is not None and node.op_type in ("BatchNormalization", "Relu") and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node is not None and node.op_type == "Conv"


def _spread(dy: Term, win: Windows, covered: Sequence[int], rank: int) -> Term:
    if tuple(covered) == win.strides:
        return _nearest(dy, win)
    for axis, step, filled in zip(win.axes, win.strides, covered, strict=True):
        if step > 1:
            dy = spread(dy, step, filled, axis, rank)
    return dy


def _filled_share(call: Call, win: Windows) -> Term:
    """Return for each window the share of it that lies inside the input."""
    ones = call.x.constant(np.ones((1,) * call.x.rank)).apply("Expand", sizes(call.x, win.axes))
    pads = [*win.before, *win.after]
    return ones.apply(
        "AveragePool", kernel_shape=list(win.kernel), strides=list(win.strides), pads=pads, count_include_pad=1
    )
