"""Rules for Col2Im, Compress and ReverseSequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from reverie_gradient.gathering import arange, select_back
from reverie_gradient.shapes import elements, pad, reshape_like, reshape_to, shape_of, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import windows


@vjp("Col2Im")
def _col2im(call: Call) -> Sequence[Term | None]:
    """Cut out the patches again: x holds, for each channel and offset in a patch, one element of every patch."""
    block = call.constant(2)
    if block is None:
        raise call.refuse("the shape of its blocks is computed at run time; make it a constant")
    win = windows(call, tuple(int(n) for n in block))
    strides, reach, axes = (np.array(v, np.int64) for v in (win.strides, win.reach, win.axes))
    border = np.array(win.before) + win.after
    known = static_dims(call.y, win.axes)
    extent: Term | np.ndarray
    if known is not None:
        extent = (np.array(known) + border - reach - 1) // strides * strides + 1
    else:
        extent = (sizes(call.y, win.axes) + (border - reach - 1)) / strides * strides + 1
    image = pad(call.dy, [0, 0, *win.before], [0, 0, *win.after])
    patches = []
    for offset in product(*map(range, win.kernel)):
        start = np.array(offset, np.int64) * win.dilations
        taken = image.apply("Slice", start, extent + start, axes, strides)
        patches.append(taken.apply("Reshape", [0, 0, 1, -1]))
    first, *others = patches
    return [reshape_like(first.apply("Concat", *others, axis=2) if others else first, call.x)]


@vjp("Compress")
def _compress(call: Call) -> Sequence[Term | None]:
    kept = call.input(1).apply("NonZero").apply("Reshape", [-1])
    if "axis" in call.node.attributes:
        axis = call.integer("axis", 0) % call.x.rank
        return [select_back(call.dy, kept, axis, sizes(call.x, [axis]), call.x.rank)]
    length = shape_of(call.x).apply("ReduceProd", keepdims=1)
    return [reshape_like(select_back(call.dy, kept, 0, length, 1), call.x)]


@vjp("ReverseSequence")
def _reverse(call: Call) -> Sequence[Term | None]:
    """Reverse each sequence again: element t of the first n comes from n - 1 - t, later ones stay.

    Time and batch are the first two axes in either order; their elements are numbered together and picked as rows.
    """
    x, dy = call.x, call.dy
    time, batch = call.integer("time_axis", 0), call.integer("batch_axis", 1)
    at = arange(sizes(x, [time])).apply("Unsqueeze", [batch])
    length = call.input(1).apply("Unsqueeze", [time])
    source = at.apply("Less", length).apply("Where", length - 1 - at, at)
    number = arange(sizes(x, [batch])).apply("Unsqueeze", [time])
    row = number * sizes(x, [time]) + source if batch == 0 else source * sizes(x, [batch]) + number
    rows = reshape_to(dy, [-1, elements(x, range(2, x.rank))])
    return [reshape_like(rows.apply("Gather", row, axis=0), x)]
