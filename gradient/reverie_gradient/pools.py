"""Helpers for the rules of pooling: the geometry of windows, and spreading a window's value over its inputs.

The gradient of a pool is gathered: each input sums over the windows that cover it. Nothing is scattered and no indices
are kept, so the graph is deterministic and runs where MaxUnpool and Scatter do not exist.
"""

from __future__ import annotations

import onnx_ir as ir

from reverie_gradient.shapes import dilate, pad, place, static_dims
from reverie_gradient.table import Call
from reverie_gradient.term import Term
from reverie_gradient.windows import Windows, windows


def pool_windows(call: Call) -> Windows:
    """Read the windows of a pooling operator."""
    kernel = call.integers("kernel_shape")
    assert kernel is not None
    return windows(call, kernel)


def sticks_out(call: Call, win: Windows) -> bool:
    """Whether a window may end beyond the padded input."""
    return bool(call.integer("ceil_mode", 0)) and set(win.strides) != {1} and not _divides(call, win)


def _divides(call: Call, win: Windows) -> bool:
    """Whether the last window is known to end with the padded input."""
    dims = static_dims(call.x, win.axes)
    return dims is not None and all(
        (n + b + a - r - 1) % s == 0
        for n, b, a, r, s in zip(dims, win.before, win.after, win.reach, win.strides, strict=True)
    )


def tiles(call: Call, win: Windows) -> bool:
    """Whether the windows are adjacent and inside the input, so that every input has at most one."""
    dense = set(win.dilations) == {1} and win.kernel == win.strides and not any((*win.before, *win.after))
    return dense and not sticks_out(call, win)


def kernel_attributes(win: Windows) -> dict[str, list[int]]:
    """Return the attributes of a pool; older operator sets have no dilations."""
    kernel = {"kernel_shape": list(win.kernel)}
    return kernel if set(win.dilations) == {1} else kernel | {"dilations": list(win.dilations)}


def repeated(t: Term, win: Windows) -> Term:
    """Repeat the values of ``t``, one per window, for each input of adjacent windows."""
    scales = t.constant([1, 1, *win.strides], ir.DataType.FLOAT)
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return t.apply("Resize", None, scales, **attributes)


def mean_back(call: Call, win: Windows, dy: Term) -> Term:
    """Share each window's gradient equally among its inputs.

    The sum over the windows that cover an input is again an average: of the spread-out gradient, window by window.
    """
    spread_out = dilate(dy, win.strides, win.axes, call.x.rank)
    # Up to stride - 1 elements at the end of the padded input belong to no window: so much less of the pad may count.
    least = [r - a for r, a in zip(win.reach, win.after, strict=True)]
    end = [min(r, m + s - 1) for r, m, s in zip(win.reach, least, win.strides, strict=True)]
    begin = [r - b for r, b in zip(win.reach, win.before, strict=True)]
    if set(win.dilations) != {1}:  # a pool refuses pads as wide as its kernel, however far that reaches
        spread_out, begin, end = pad(spread_out, [0, 0, *begin], [0, 0, *end]), [0] * len(begin), [0] * len(end)
    dx = spread_out.apply("AveragePool", pads=[*begin, *end], count_include_pad=1, **kernel_attributes(win))
    if set(win.strides) != {1}:
        slack = [max(m + s - 1 - r, 0) for m, s, r in zip(least, win.strides, win.reach, strict=True)]
        dx = place(dx, [0] * len(win.axes), slack, call.x, win.axes)
    return dx
