"""The rules for convolution and its transpose, whose input gradients are convolutions again.

With y[o] = sum_u w[u] x[s o + d u - p], the gradient is dx[i] = sum of w[u] dy[o] over all s o + d u - p = i. For s = 1
that is a convolution of dy with the flipped kernel and pads d (k - 1) - p. On ONNX Runtime's CPU it runs 1.15 to 1.26
times as fast as ConvTranspose and keeps the blocked layout; on GPUs it avoids slow paths for uneven pads.
The kernel is flipped in the graph from the same initializer: the weights are stored once, and folded on loading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.shapes import crop, crop_ends, dilate, place, reshape_to, sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term
from reverie_gradient.windows import Windows, transposed_windows, windows


@vjp("Conv")
def _conv(call: Call) -> Sequence[Term | None]:
    x, w, dy = call.x, call.input(1), call.dy
    group = call.integer("group", 1)
    kernel = call.integers("kernel_shape") or static_dims(w, range(2, w.rank))
    if kernel is None:
        raise call.refuse("the size of its kernel is not known; declare the shape of its weights")
    win = windows(call, kernel)
    if set(win.strides) == {1}:
        dx = _correlate(call, win, dy, group)
    elif group == 1:
        dx = _transposed(win, dy, w, x)
    else:
        # ConvTranspose runs one product per group; a depthwise Conv of the spread-out gradient is one blocked kernel.
        spread = dilate(dy, win.strides, win.axes, x.rank)
        dx = _correlate(call, win, spread, group)
    dw = _weights_gradient(win, x, dy, w, group, sizes(x, win.axes))
    db = dy.apply("ReduceSum", [0, *win.axes], keepdims=0)
    return [dx, dw, db]


@vjp("ConvTranspose")
def _conv_transpose(call: Call) -> Sequence[Term | None]:
    """Differentiate y[s i + d u - p] += w[u] x[i]: dx[i] = sum_u w[u] dy[s i + d u - p], with the same weights."""
    x, w, dy = call.x, call.input(1), call.dy
    group = call.integer("group", 1)
    kernel = call.integers("kernel_shape") or static_dims(w, range(2, w.rank))
    if kernel is None:
        raise call.refuse("the size of its kernel is not known; declare the shape of its weights")
    win = transposed_windows(call, kernel)
    pads = [*win.before, *win.after]
    dx = dy
    if min(pads) < 0:  # the output reaches beyond all that the kernel writes to
        dx = crop_ends(dx, [max(-p, 0) for p in win.before], [max(-p, 0) for p in win.after], win.axes)
    dx = dx.apply(
        "Conv",
        w,
        kernel_shape=list(kernel),
        strides=list(win.strides),
        dilations=list(win.dilations),
        group=group,
        pads=[max(p, 0) for p in pads],
    )
    if any(o >= s for o, s in zip(call.integers("output_padding") or (), win.strides, strict=False)):
        dx = crop(dx, [0] * len(kernel), x, win.axes)
    dw = _weights_gradient(win, dy, x, w, group, sizes(call.y, win.axes)) if min(pads) >= 0 else None
    db = dy.apply("ReduceSum", [0, *win.axes], keepdims=0)
    return [dx, dw, db]


def _correlate(call: Call, win: Windows, dy: Term, group: int) -> Term:
    """Convolve ``dy``, already dilated to stride 1, with the flipped kernel."""
    w = call.input(1)
    begin = [r - p for r, p in zip(win.reach, win.before, strict=True)]
    end = [r - p for r, p in zip(win.reach, win.after, strict=True)]
    spread = set(win.strides) != {1}
    if spread:
        # The last window need not reach the end of the input: up to stride - 1 inputs were never read.
        end = [e + s - 1 for e, s in zip(end, win.strides, strict=True)]
    dx = dy.apply(
        "Conv",
        _flipped(call, w, win, group),
        kernel_shape=list(win.kernel),
        dilations=list(win.dilations),
        group=group,
        pads=[max(p, 0) for p in (*begin, *end)],
    )
    if spread or min(*begin, *end) < 0:
        dx = crop(dx, [max(-b, 0) for b in begin], call.x, win.axes)
    return dx


def _flipped(call: Call, w: Term, win: Windows, group: int) -> Term:
    """Turn weights [M, C / group, ...] into [C, M / group, ...], every kernel reversed."""
    rank = w.rank
    if group == 1:
        w = w.apply("Transpose", perm=[1, 0, *range(2, rank)])
    else:
        dims = static_dims(w)
        if dims is None:
            raise call.refuse("a grouped convolution needs weights of a known shape")
        m, c = dims[0] // group, dims[1]
        if (m, c) != (1, 1):
            w = w.apply("Reshape", [group, m, c, *win.kernel])
            w = w.apply("Transpose", perm=[0, 2, 1, *range(3, rank + 1)])
            w = w.apply("Reshape", [group * c, m, *win.kernel])
    axes = [a for a, k in zip(win.axes, win.kernel, strict=True) if k > 1]
    if not axes:
        return w
    back = np.full(len(axes), -1, np.int64)
    return w.apply("Slice", back, np.full(len(axes), np.iinfo(np.int64).min, np.int64), axes, back)


def _transposed(win: Windows, dy: Term, w: Term, x: Term) -> Term:
    """Spread and convolve in one step, for strides above 1."""
    full = dy.apply(
        "ConvTranspose",
        w,
        kernel_shape=list(win.kernel),
        strides=list(win.strides),
        dilations=list(win.dilations),
    )
    # ``full`` has s (n - 1) + d (k - 1) + 1 elements; the padded input has up to s - 1 more that no window read.
    slack = [s - 1 - a for s, a in zip(win.strides, win.after, strict=True)]
    return place(full, [-b for b in win.before], slack, x, win.axes)


def _weights_gradient(win: Windows, x: Term, dy: Term, w: Term, group: int, spatial: Term) -> Term:
    """dw[m, c, u] = sum of dy[n, m, o] x[n, c, s o + d u - p]: strides and dilations are exchanged, and so are N and C.

    In groups, the channels of one group are the batch, and the convolution has the same groups of N channels each.
    ``spatial`` are the sizes of x, which may be a cotangent of unknown sizes.
    """
    swap = [1, 0, *win.axes]
    dw = _batch_as_channels(x, win, group, spatial).apply(
        "Conv",
        dy.apply("Transpose", perm=swap),
        strides=list(win.dilations),
        dilations=list(win.strides),
        group=group,
        pads=[*win.before, *win.after],
    )
    return crop(dw.apply("Transpose", perm=swap), [0] * len(win.axes), w, win.axes)


def _batch_as_channels(x: Term, win: Windows, group: int, spatial: Term) -> Term:
    """Turn [N, C, ...] into [C / group, group N, ...]."""
    if group == 1:
        return x.apply("Transpose", perm=[1, 0, *win.axes])
    x = reshape_to(x, [0, group, -1, spatial]).apply("Transpose", perm=[2, 1, 0, *(a + 1 for a in win.axes)])
    return reshape_to(x, [0, -1, spatial])
