"""Rules for pooling by maxima.

Inputs that tie for a maximum share its gradient equally. One exception is made for speed: after a convolution, where
ties occur only if an image repeats itself exactly, each of them receives the whole gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import onnx_ir as ir

from reverie_gradient.masks import where_maximal
from reverie_gradient.pools import pool_windows, repeated, tiles
from reverie_gradient.remainder import remainder_of
from reverie_gradient.rules.reduction import share_evenly
from reverie_gradient.shapes import dilate, place, sizes, spread
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import Windows


@vjp("MaxPool")
def _max(call: Call) -> Sequence[Term | None]:
    win = pool_windows(call)
    if tiles(call, win) and _follows_convolution(call.x.value):
        remainder = remainder_of(call.x, call.y, win.strides, win.axes)
        x = call.x if remainder is None else remainder.cut(call.x)
        dx = where_maximal(x, call.y, call.dy, lambda t: repeated(t, win))
        return [dx if remainder is None else remainder.append(dx)]
    return [_overlapping_max(call, win) if set(win.dilations) == {1} else _dilated_max(call, win)]


def _follows_convolution(x: ir.Value) -> bool:
    node = x.producer()
    while node is not None and node.op_type in ("BatchNormalization", "Relu") and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node is not None and node.op_type == "Conv"


def _overlapping_max(call: Call, win: Windows) -> Term:
    """Sum over the windows that cover each input: along an axis those are its own tile's and the ones just before.

    With padded coordinates i, window o covers i when i // s = o + a for some a >= 0 and i mod s < k - a s.
    """
    x, y = call.x, call.y
    dy = call.dy / _ties(call, win)
    enlarged = repeated(y, win)
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


def _spread(dy: Term, win: Windows, covered: Sequence[int], rank: int) -> Term:
    if tuple(covered) == win.strides:
        return repeated(dy, win)
    for axis, step, filled in zip(win.axes, win.strides, covered, strict=True):
        if step > 1:
            dy = spread(dy, step, filled, axis, rank)
    return dy


def _dilated_max(call: Call, win: Windows) -> Term:
    """Sum over the elements of a window: the gradient of each that reaches the maximum goes to its input."""
    dy = call.dy / _ties(call, win)
    total: Term | None = None
    for offset, reached in _reaching(call, win):
        g = dilate(reached.apply("Where", dy, 0.0), win.strides, win.axes, call.x.rank)
        begin = [u - b for u, b in zip(offset, win.before, strict=True)]
        slack = [r - u - a + s - 1 for r, u, a, s in zip(win.reach, offset, win.after, win.strides, strict=True)]
        share = place(g, begin, slack, call.x, win.axes)
        total = share if total is None else total + share
    assert total is not None
    return total


def _ties(call: Call, win: Windows) -> Term:
    """Count for each window the inputs that reach its maximum."""
    total: Term | None = None
    for _, reached in _reaching(call, win):
        one = reached.apply("Cast", to=int(call.x.dtype))
        total = one if total is None else total + one
    assert total is not None
    return total


def _reaching(call: Call, win: Windows) -> Iterator[tuple[tuple[int, ...], Term]]:
    """Yield each offset in a window, and for every window whether its element there is a maximum."""
    x, y, axes = call.x, call.y, np.array(win.axes, np.int64)
    # A window may extend beyond the input by its pad, and with ceil_mode by less than a stride more.
    ends = [a + s - 1 for a, s in zip(win.after, win.strides, strict=True)]
    bordered = x.apply("Pad", [0, 0, *win.before, 0, 0, *ends], -np.inf)
    strides = np.array(win.strides, np.int64)
    extent = (sizes(y, win.axes) - 1) * strides + 1
    for step in product(*map(range, win.kernel)):
        start = np.array(step, np.int64) * np.array(win.dilations, np.int64)
        yield tuple(start.tolist()), bordered.apply("Slice", start, extent + start, axes, strides).apply("Equal", y)


@vjp("GlobalMaxPool")
def _global_max(call: Call) -> Sequence[Term | None]:
    return [share_evenly(call.x, call.y, call.dy, list(range(2, call.x.rank)))]


@vjp("MaxUnpool")
def _unpool(call: Call) -> Sequence[Term | None]:
    """Pick the gradient from the place of each element; the indices number the whole output."""
    return [call.dy.apply("Reshape", [-1]).apply("Gather", call.input(1))]
