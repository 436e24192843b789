"""The rule for DFT, which is a product with a matrix of cosines and sines; so is its way back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.gathering import multiply_along
from reverie_gradient.shapes import static_dims
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
    heard = (np.arange(known[0]) < n) / (n if inverse else 1)  # a longer signal was cut, a shorter one padded
    cosines, sines = np.cos(turns) * heard, np.sin(turns) * heard * (-1 if inverse else 1)
    real, imaginary = dy.split(np.array([1, 1], np.int64), rank - 1, 2)

    def back(t: Term, matrix: np.ndarray) -> Term:
        return multiply_along(t, t.constant(matrix), axis, rank)

    dx = back(real, cosines) - back(imaginary, sines)
    if parts[0] == 2:
        dx = dx.apply("Concat", back(real, sines) + back(imaginary, cosines), axis=rank - 1)
    return [dx]


def _axis(call: Call) -> int:
    """Return the axis transformed: an attribute in opset 17, an input from 20 on."""
    if call.opset < 20:
        return call.integer("axis", 1) % call.x.rank
    given = call.constant(2)
    if call.has(2) and given is None:
        raise call.refuse("its axis is computed at run time; make it a constant")
    return (-2 if given is None else int(given.item())) % call.x.rank
