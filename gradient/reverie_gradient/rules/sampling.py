"""The rule for GridSample, which reads an image between its pixels, at places known only at run time.

Interpolation is separable: y[n, c, p] is the sum over h and w of x[n, c, h, w] Wy[n, h, p] Wx[n, w, p]. The weights are
computed in the graph from the places. For the gradient, dy times those of all axes but the last is multiplied by those
of the last. The gradient of a place uses the slopes of one axis instead of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_gradient.interpolation import Kernel, cubic, folded, linear, nearest, places, reflected, rounded, to_edge
from reverie_gradient.shapes import elements, reshape_like, reshape_to, sizes
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

KERNELS: dict[str, Kernel] = {
    "linear": linear(),
    "cubic": cubic(-0.75),
    "nearest": nearest("round_prefer_floor"),
    "bilinear": linear(),  # the names of opset 16
    "bicubic": cubic(-0.75),
}


@dataclass(frozen=True)
class Line:
    """The weight of each element of one axis in each sample, and its derivative by the grid: [n, size, samples].

    For the nearest element there is no derivative.
    """

    weights: Term
    slopes: Term | None


@vjp("GridSample")
def _grid_sample(call: Call) -> Sequence[Term | None]:
    x, grid = call.x, call.input(1)
    lines = [_line(call, axis) for axis in range(2, x.rank)]
    dy = call.dy.apply("Reshape", [0, 0, -1])
    dx = _spread(call, dy, [line.weights for line in lines])
    moved = []
    for line in lines:
        if line.slopes is None:
            return [dx]
        sampled = _sampled(call, [line.slopes if other is line else other.weights for other in lines])
        moved.append((sampled * dy).apply("ReduceSum", [1], keepdims=0))
    last, *others = [m.apply("Unsqueeze", [2]) for m in reversed(moved)]
    dgrid = last.apply("Concat", *others, axis=2) if others else last
    return [dx, reshape_like(dgrid, grid).apply("Cast", to=int(grid.dtype))]


def _line(call: Call, axis: int) -> Line:
    """Weigh the elements of ``axis``; the last number of a place counts along the last axis."""
    x, grid = call.x, call.input(1)
    dtype = ir.DataType.DOUBLE if grid.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    count = sizes(x, [axis])
    n = count.apply("Cast", to=int(dtype))
    rows = grid.apply("Reshape", [0, -1, x.rank - 2])
    ratio = rows.apply("Gather", np.array(x.rank - 1 - axis), axis=2).apply("Cast", to=int(dtype))
    # -1 and 1 are the centres of the outermost elements, or the ends of the picture.
    aligned = call.integer("align_corners", 0)
    rate = (n - 1) / 2 if aligned else n / 2
    at = (ratio + 1) * rate - (0.0 if aligned else 0.5)
    low, span = (0.0, (n - 1).apply("Max", 1.0)) if aligned else (-0.5, n)

    mode, padding = call.string("mode", "linear"), call.string("padding_mode", "zeros")
    kernel, smooth = KERNELS[mode], mode.endswith("cubic")
    if mode == "nearest":
        at = rounded(at)
    sign: Term | None = None
    if padding == "reflection":
        at, sign = reflected(at, low, span)
    if padding != "zeros":
        if smooth:  # beyond, only the edge is read
            at = at.apply("Max", -2.0).apply("Min", n + 1)
        else:
            inside = at.apply("Greater", 0.0).apply("And", at.apply("Less", n - 1)).apply("Cast", to=int(dtype))
            at, sign = to_edge(at, n - 1), inside if sign is None else sign * inside

    margin = 4 if smooth and padding != "zeros" else 0
    element = places(-margin, count + 2 * margin, dtype).apply("Unsqueeze", [1])
    distance = element - at.apply("Unsqueeze", [1])
    weights = kernel.weight(distance)
    slopes = None if kernel.slope is None else kernel.slope(distance)
    if margin:

        def fold(place: Term, last: Term) -> Term:
            return to_edge(place if padding == "border" else reflected(place, low, span)[0], last)

        folds = folded(margin, count, dtype, fold).apply("Transpose", perm=[1, 0])
        weights, slopes = folds @ weights, None if slopes is None else folds @ slopes
    if slopes is not None:
        slopes = slopes * rate
        if sign is not None:
            slopes = slopes * sign.apply("Unsqueeze", [1])
    real = int(call.dy.dtype)
    return Line(weights.apply("Cast", to=real), None if slopes is None else slopes.apply("Cast", to=real))


def _spread(call: Call, dy: Term, weights: Sequence[Term]) -> Term:
    """Return the gradient of the elements from that of the samples, [n, c, samples]."""
    *outer, last = weights
    for depth, weight in enumerate(outer):
        stretched = weight.apply("Unsqueeze", np.arange(1, depth + 2))
        dy = dy.apply("Unsqueeze", [-2]) * stretched
    rows = reshape_to(dy, [0, -1, _samples(call)])
    return reshape_like(rows @ last.apply("Transpose", perm=[0, 2, 1]), call.x)


def _sampled(call: Call, weights: Sequence[Term]) -> Term:
    """Read x with the given weights: [n, c, samples]."""
    x, (*outer, last) = call.x, weights
    rows = reshape_to(x, [0, -1, sizes(x, [x.rank - 1])]) @ last
    y = reshape_to(rows, [sizes(x, range(x.rank - 1)), _samples(call)])
    for depth in reversed(range(len(outer))):
        stretched = outer[depth].apply("Unsqueeze", np.arange(1, depth + 2))
        y = (y * stretched).apply("ReduceSum", [-2], keepdims=0)
    return y


def _samples(call: Call) -> Term:
    return elements(call.y, range(2, call.y.rank))
