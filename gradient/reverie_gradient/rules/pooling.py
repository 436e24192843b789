"""Rules for pooling.

The gradient of a pooling window goes back by gathering: every input looks at the windows that cover it. Nothing is
scattered and no indices are kept, so the graph is deterministic and runs where MaxUnpool and Scatter do not exist.

Inputs that tie for a maximum share its gradient evenly. One exception is made for speed: behind a convolution, where
ties come only from an image that repeats itself exactly, each of them receives the whole gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import onnx_ir as ir

from reverie_gradient.masks import where_maximal
from reverie_gradient.rim import rim_of
from reverie_gradient.rules.reduction import share_evenly
from reverie_gradient.shapes import count, crop, dilate, expand_like, pad, place, sizes, spread, static_dims
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
    return [_overlapping_max(call, win) if set(win.dilations) == {1} else _dilated_max(call, win)]


@vjp("AveragePool")
def _average(call: Call) -> Sequence[Term | None]:
    win = _windows(call)
    if _tiles(call, win):
        rim = rim_of(call.x, call.y, win.strides, win.axes)
        dx = _nearest(call.dy * (1 / float(np.prod(win.kernel))), win)
        return [dx if rim is None else rim.around(dx)]
    dy = call.dy
    padded = any((*win.before, *win.after)) and not call.integer("count_include_pad", 0)
    if padded or _sticks_out(call, win):
        dy = dy / _filled_share(call, win)
    return [_mean_back(call, win, dy)]


@vjp("LpPool")
def _lp(call: Call) -> Sequence[Term | None]:
    """For y = (sum |x|^p)^(1/p): dx = sign(x) |x|^(p - 1) times the sum of dy / y^(p - 1) over the windows of x."""
    win, p = _windows(call), call.integer("p", 2)
    shared = _mean_back(call, win, _over_power(call.dy, call.y, p)) * float(np.prod(win.kernel))
    return [_power_slope(call.x, p) * shared]


@vjp("GlobalLpPool")
def _global_lp(call: Call) -> Sequence[Term | None]:
    p = call.integer("p", 2)
    return [_power_slope(call.x, p) * _over_power(call.dy, call.y, p)]


@vjp("MaxUnpool")
def _unpool(call: Call) -> Sequence[Term | None]:
    """Fetch the gradient from where each element went; the indices count through the whole output."""
    return [call.dy.apply("Reshape", np.array([-1], np.int64)).apply("Gather", call.input(1))]


@vjp("GlobalAveragePool")
def _global_average(call: Call) -> Sequence[Term | None]:
    return [expand_like(call.dy / count(call.x, range(2, call.x.rank), call.dy.dtype), call.x)]


@vjp("GlobalMaxPool")
def _global_max(call: Call) -> Sequence[Term | None]:
    return [share_evenly(call.x, call.y, call.dy, np.arange(2, call.x.rank, dtype=np.int64))]


def _windows(call: Call) -> Windows:
    kernel = call.integers("kernel_shape")
    assert kernel is not None
    return windows(call, kernel)


def _sticks_out(call: Call, win: Windows) -> bool:
    """Whether a window may end beyond the padded input."""
    return bool(call.integer("ceil_mode", 0)) and set(win.strides) != {1} and not _divides(call, win)


def _divides(call: Call, win: Windows) -> bool:
    """Whether the last window is known to end with the padded input."""
    dims = static_dims(call.x, win.axes)
    return dims is not None and all(
        (n + b + a - r - 1) % s == 0
        for n, b, a, r, s in zip(dims, win.before, win.after, win.reach, win.strides, strict=True)
    )


def _tiles(call: Call, win: Windows) -> bool:
    """Whether the windows lie side by side and inside the input, so that every input has at most one."""
    dense = set(win.dilations) == {1} and win.kernel == win.strides and not any((*win.before, *win.after))
    return dense and not _sticks_out(call, win)


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


def _dilated_max(call: Call, win: Windows) -> Term:
    """Sum over the elements of a window: each that reaches the maximum goes back to where it was read."""
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
    # A window may stick out by its pad, and by less than a stride more where ceil_mode or the size lets it.
    ends = [a + s - 1 for a, s in zip(win.after, win.strides, strict=True)]
    bordered = x.apply("Pad", np.array([0, 0, *win.before, 0, 0, *ends], np.int64), -np.inf)
    strides = np.array(win.strides, np.int64)
    extent = (sizes(y, win.axes) - 1) * strides + 1
    for step in product(*map(range, win.kernel)):
        start = np.array(step, np.int64) * np.array(win.dilations, np.int64)
        yield tuple(start.tolist()), bordered.apply("Slice", start, extent + start, axes, strides).apply("Equal", y)


def _mean_back(call: Call, win: Windows, dy: Term) -> Term:
    """Hand each window's gradient to all of its inputs, in equal parts.

    The sum over the windows that cover an input is again an average: of the spread-out gradient, window by window.
    """
    spread_out = dilate(dy, win.strides, win.axes, call.x.rank)
    # Up to stride - 1 elements at the end of the padded input belong to no window: so much less of the pad may count.
    least = [r - a for r, a in zip(win.reach, win.after, strict=True)]
    end = [min(r, m + s - 1) for r, m, s in zip(win.reach, least, win.strides, strict=True)]
    begin = [r - b for r, b in zip(win.reach, win.before, strict=True)]
    if set(win.dilations) != {1}:  # a pool refuses pads as wide as its kernel, however far that reaches
        spread_out, begin, end = pad(spread_out, [0, 0, *begin], [0, 0, *end]), [0] * len(begin), [0] * len(end)
    dx = spread_out.apply("AveragePool", pads=[*begin, *end], count_include_pad=1, **_kernel(win))
    if set(win.strides) != {1}:
        slack = [max(m + s - 1 - r, 0) for m, s, r in zip(least, win.strides, win.reach, strict=True)]
        dx = place(dx, [0] * len(win.axes), slack, call.x, win.axes)
    return dx


def _kernel(win: Windows) -> dict[str, list[int]]:
    """Return the attributes of a pool; older operator sets know no dilations."""
    kernel = {"kernel_shape": list(win.kernel)}
    return kernel if set(win.dilations) == {1} else kernel | {"dilations": list(win.dilations)}


def _power_slope(x: Term, p: int) -> Term:
    """Return sign(x) |x|^(p - 1)."""
    if p == 1:
        return x.apply("Sign")
    return x if p == 2 else x * x.apply("Abs").apply("Pow", float(p - 2))


def _over_power(dy: Term, y: Term, p: int) -> Term:
    """Return dy / y^(p - 1); all inputs of a window are zero where y is, and any finite number will do."""
    if p == 1:
        return dy
    y = y.apply("Equal", 0.0).apply("Where", y.constant(1.0), y)
    return dy / (y if p == 2 else y.apply("Pow", float(p - 1)))


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
    """Return for each window the share of it that counts: what lies inside the input, or inside its pads."""
    ones = call.x.constant(np.ones((1,) * call.x.rank)).apply("Expand", sizes(call.x, win.axes))
    out = _sticks_out(call, win)
    pads = [*win.before, *win.after]
    if out:
        counted = float(call.integer("count_include_pad", 0))
        if any(pads):
            ones = ones.apply("Pad", np.array([0, 0, *win.before, 0, 0, *win.after], np.int64), counted)
        pads = [0] * len(win.axes) + [s - 1 for s in win.strides]
    if out or set(win.dilations) != {1}:
        # A pool refuses pads as wide as its kernel.
        ones = pad(ones, [0, 0, *pads[: len(win.axes)]], [0, 0, *pads[len(win.axes) :]])
        pads = [0] * len(pads)
    share = ones.apply("AveragePool", strides=list(win.strides), pads=pads, count_include_pad=1, **_kernel(win))
    return crop(share, [0] * len(win.axes), call.y, win.axes) if out else share
