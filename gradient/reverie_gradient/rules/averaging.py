"""Rules for pooling by averages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.pools import kernel_attributes, mean_back, pool_windows, repeated, sticks_out, tiles
from reverie_gradient.remainder import remainder_of
from reverie_gradient.shapes import count, crop, expand_like, pad, sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import Windows


@vjp("AveragePool")
def _average(call: Call) -> Sequence[Term | None]:
    win = pool_windows(call)
    if tiles(call, win):
        remainder = remainder_of(call.x, call.y, win.strides, win.axes)
        dx = repeated(call.dy * (1 / float(np.prod(win.kernel))), win)
        return [dx if remainder is None else remainder.append(dx)]
    dy = call.dy
    padded = any((*win.before, *win.after)) and not call.integer("count_include_pad", 0)
    if padded or sticks_out(call, win):
        dy = dy / _filled_share(call, win)
    return [mean_back(call, win, dy)]


def _filled_share(call: Call, win: Windows) -> Term:
    """Return the fraction of each window that counts: the part inside the input, or inside its pads."""
    ones = call.x.constant(np.ones((1,) * call.x.rank)).apply("Expand", sizes(call.x, win.axes))
    out = sticks_out(call, win)
    pads = [*win.before, *win.after]
    if out:
        counted = float(call.integer("count_include_pad", 0))
        if any(pads):
            ones = ones.apply("Pad", [0, 0, *win.before, 0, 0, *win.after], counted)
        pads = [0] * len(win.axes) + [s - 1 for s in win.strides]
    if out or set(win.dilations) != {1}:
        # A pool refuses pads as wide as its kernel.
        ones = pad(ones, [0, 0, *pads[: len(win.axes)]], [0, 0, *pads[len(win.axes) :]])
        pads = [0] * len(pads)
    share = ones.apply(
        "AveragePool", strides=list(win.strides), pads=pads, count_include_pad=1, **kernel_attributes(win)
    )
    return crop(share, [0] * len(win.axes), call.y, win.axes) if out else share


@vjp("GlobalAveragePool")
def _global_average(call: Call) -> Sequence[Term | None]:
    return [expand_like(call.dy / count(call.x, range(2, call.x.rank), call.dy.dtype), call.x)]
