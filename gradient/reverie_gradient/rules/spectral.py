"""Rules for Fourier transforms: products with matrices of cosines and sines, and so are their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.gathering import multiply_along
from reverie_gradient.shapes import place, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("DFT")
def _fourier(call: Call) -> Sequence[Term | None]:
    """Differentiate y[k] = sum of x[n] exp(-2 pi i k n / N), the last axis holding real and imaginary parts.

    With C and S the cosines and sines, dx = C' dRe y - S' dIm y for the real parts, and S' dRe y + C' dIm y for the
    imaginary ones.
    """
    x, dy, rank = call.x, call.dy, call.x.rank
    axis = _axis(call)
    known, parts, taken = static_dims(x, [axis]), static_dims(x, [rank - 1]), static_dims(call.y, [axis])
    if known is None or parts is None or taken is None:
        raise call.refuse(f"it needs a known size of axis {axis} and of the last one; declare them")
    inverse, onesided = call.integer("inverse", 0), call.integer("onesided", 0)
    if inverse and onesided:
        raise call.refuse("inverse and onesided together are not covered")

    length = call.constant(1)
    n = known[0] if length is None else int(length.item())
    turns = np.outer(np.arange(taken[0]), np.arange(known[0])) % n * (2 * np.pi / n)
    window = (np.arange(known[0]) < n) / (n if inverse else 1)  # a longer signal was cut, a shorter one padded
    cosines, sines = np.cos(turns) * window, np.sin(turns) * window * (-1 if inverse else 1)
    real, imaginary = dy.split([1, 1], rank - 1, 2)

    def back(t: Term, matrix: np.ndarray) -> Term:
        return multiply_along(t, t.constant(matrix), axis, rank)

    dx = back(real, cosines) - back(imaginary, sines)
    if parts[0] == 2:
        dx = dx.apply("Concat", back(real, sines) + back(imaginary, cosines), axis=rank - 1)
    return [dx]


@vjp("STFT")
def _short_time(call: Call) -> Sequence[Term | None]:
    """Differentiate y[f, k] = sum of w[n] x[s f + n] exp(-2 pi i k n / N) by the signal x.

    It is a convolution of stride s, whose kernels are cosines and sines times the window w; its gradient sums frames
    that overlap.
    """
    x, step, length = call.x, call.constant(1), _frame_length(call)
    parts = static_dims(x, [x.rank - 1])
    if step is None or length is None or parts is None or x.rank != 3:
        raise call.refuse("it needs a known frame_step and length of its frames, and a signal [batch, length, 1 or 2]")
    stride, bins = int(step.item()), length // 2 + 1 if call.integer("onesided", 1) else length
    turns = np.outer(np.arange(bins), np.arange(length)) % length * (2 * np.pi / length)
    cosines, sines = np.cos(turns), np.sin(turns)
    by_part = [np.stack(both, 1).reshape(2 * bins, length) for both in ((cosines, -sines), (sines, cosines))]
    kernel = call.dy.constant(np.stack(by_part[: parts[0]], 1))  # [parts of all frequencies, parts of x, length]
    if call.has(2):
        kernel = kernel * call.input(2)
    frames = call.dy.apply("Transpose", perm=[0, 2, 3, 1]).apply("Reshape", [0, 2 * bins, -1])
    if stride > 1:
        dx = frames.apply("ConvTranspose", kernel, strides=[stride])
    else:
        back = [-1]
        kernel = kernel.apply("Slice", back, [np.iinfo(np.int64).min], [2], back)
        dx = frames.apply("Conv", kernel.apply("Transpose", perm=[1, 0, 2]), pads=[length - 1, length - 1])
    return [place(dx.apply("Transpose", perm=[0, 2, 1]), [0], [stride - 1], x, [1])]


def _frame_length(call: Call) -> int | None:
    """Return how long a frame is: the input that says so, or else the length of the window; None where unknown."""
    given = call.constant(3)
    if given is not None:
        return int(given.item())
    known = static_dims(call.input(2)) if call.has(2) and not call.has(3) else None
    return None if known is None else known[0]


def _axis(call: Call) -> int:
    """Return the axis transformed: an attribute in opset 17, an input from 20 on."""
    if call.opset < 20:
        return call.integer("axis", 1) % call.x.rank
    given = call.constant(2)
    if call.has(2) and given is None:
        raise call.refuse("its axis is computed at run time; make it a constant")
    return (-2 if given is None else int(given.item())) % call.x.rank
