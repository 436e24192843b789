"""The rule for Resize, separable: one product with a transposed interpolation matrix for each axis that is resized.

Pictures enlarged by whole factors to the nearest pixel go back by an average over each tile, times its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from reverie_gradient.gathering import multiply_along
from reverie_gradient.interpolation import Kernel, cubic, folded, linear, nearest, places, to_edge
from reverie_gradient.shapes import sizes, static_dims
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term

SCALES, SIZES = 2, 3


@vjp("Resize")
def _resize(call: Call) -> Sequence[Term | None]:
    x, dx = call.x, call.dy
    scales = _scales(call)
    if _tiles(call, scales):
        factors = [int(s or 1) for s in scales[2:]]
        dx = dx.apply("AveragePool", kernel_shape=factors, strides=factors)
        return [dx * float(np.prod(factors))]
    cropping = _coordinate_mode(call) == "tf_crop_and_resize"
    for axis, scale in enumerate(scales):
        if cropping or scale != 1:
            dx = multiply_along(dx, _matrix(call, axis, scale).apply("Cast", to=int(dx.dtype)), axis, x.rank)
    return [dx]


def _scales(call: Call) -> list[float | None]:
    """Return by how much each axis grows; None where only the run tells."""
    x, y = call.x, call.y
    given = call.integers("axes") or range(x.rank)
    axes = [a % x.rank for a in given]
    scales: list[float | None] = [1.0] * x.rank
    if call.has(SIZES):
        policy = call.string("keep_aspect_ratio_policy", "stretch")
        wanted, dims = call.constant(SIZES), static_dims(x, axes)
        if policy != "stretch":
            if wanted is None or dims is None:
                raise call.refuse(f"keep_aspect_ratio_policy {policy!r} needs known sizes; declare them")
            ratios = np.array(wanted) / np.array(dims)
            one = float(ratios.min() if policy == "not_larger" else ratios.max())
            return [one if axis in axes else 1.0 for axis in range(x.rank)]
        for axis in axes:
            n, m = x.dims[axis], y.dims[axis]
            known = isinstance(n, int) and isinstance(m, int)
            scales[axis] = m / n if known else 1.0 if n == m and n is not None else None  # type: ignore[operator]
        return scales
    constant = call.constant(SCALES)
    for i, axis in enumerate(axes):
        scales[axis] = None if constant is None else float(constant[i])
    if constant is None:
        raise call.refuse("its scales are computed at run time; make them constants, or give sizes")
    return scales


def _coordinate_mode(call: Call) -> str:
    return call.string("coordinate_transformation_mode", "half_pixel")


def _tiles(call: Call, scales: Sequence[float | None]) -> bool:
    """Whether each element is repeated a whole number of times along the axes of a picture, and nothing else."""
    if call.string("mode", "nearest") != "nearest" or not 3 <= call.x.rank <= 5 or scales[:2] != [1, 1]:
        return False
    factors = [s for s in scales if s is not None and s >= 1 and s == int(s)]
    if len(factors) < len(scales) or max(factors) == 1:
        return False
    coordinates, rounding = _coordinate_mode(call), call.string("nearest_mode", "round_prefer_floor")
    if coordinates == "asymmetric":
        return rounding == "floor" or (rounding == "round_prefer_floor" and max(factors) == 2)
    return coordinates in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel") and rounding.startswith("round")


def _matrix(call: Call, axis: int, scale: float | None) -> Term:
    """Return the share of each element of ``axis`` in each element of the result: [after, before]."""
    x, y = call.x, call.y
    dtype = ir.DataType.DOUBLE if x.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    before, after = sizes(x, [axis]), sizes(y, [axis])
    n, m = before.apply("Cast", to=int(dtype)), after.apply("Cast", to=int(dtype))
    c = _coordinates(call, axis, places(0, after, dtype), n, m, m / n if scale is None else scale)
    mode = call.string("mode", "nearest")
    shrink = 1.0
    if call.integer("antialias", 0) and mode != "nearest":
        if scale is None:
            raise call.refuse(f"antialias needs the size of axis {axis} or its scale to be known")
        shrink = min(scale, 1.0)
    kernel = _kernel(call, mode)
    smooth = mode == "cubic" or shrink < 1
    at = c if smooth else to_edge(c, n - 1)
    margin = int(np.ceil(kernel.support / shrink)) + 1 if smooth else 0
    outside = smooth and not call.integer("exclude_outside", 0)
    element = places(-margin, before + 2 * margin, dtype) if outside else places(0, before, dtype)
    distance = element - at.apply("Unsqueeze", np.array([1], np.int64))
    weights = kernel.weight(distance * shrink if shrink < 1 else distance)
    if smooth and (shrink < 1 or not outside):
        weights = weights / weights.apply("ReduceSum", np.array([1], np.int64), keepdims=1)
    if outside:
        weights = weights @ folded(margin, before, dtype, to_edge)
    if _coordinate_mode(call) == "tf_crop_and_resize":  # what lies outside is the extrapolation value
        inside = c.apply("Less", 0.0).apply("Not").apply("And", c.apply("Greater", n - 1).apply("Not"))
        weights = weights * inside.apply("Cast", to=int(dtype)).apply("Unsqueeze", np.array([1], np.int64))
    return weights


def _kernel(call: Call, mode: str) -> Kernel:
    if mode == "cubic":
        return cubic(call.number("cubic_coeff_a", -0.75))
    return linear() if mode == "linear" else nearest(call.string("nearest_mode", "round_prefer_floor"))


def _coordinates(call: Call, axis: int, i: Term, n: Term, m: Term, scale: Term | float) -> Term:
    """Return where in the ``n`` elements before each of the ``m`` after is read; the formulas are ONNX's own."""
    mode = _coordinate_mode(call)
    if mode == "asymmetric":
        return i / scale
    if mode == "align_corners":
        return i * ((n - 1) / (m - 1).apply("Max", 1.0))
    if mode == "tf_crop_and_resize":
        start, end = _region(call, axis)
        first = (n - 1) * start
        step = (n - 1) * (end - start) / (m - 1).apply("Max", 1.0)
        middle = (n - 1) * ((start + end) / 2)
        return m.apply("Greater", 1.0).apply("Where", i * step + first, middle)
    half = (i + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return m.apply("Greater", 1.0).apply("Where", half, 0.0)
    if mode == "half_pixel_symmetric":
        return half + (n / 2) * (1 - m / (n * scale))
    return half


def _region(call: Call, axis: int) -> tuple[float, float]:
    """Return the part of ``axis`` that is read, from 0 to 1."""
    roi = call.constant(1)
    if roi is None:
        raise call.refuse("its region of interest is computed at run time; make it a constant")
    axes = [a % call.x.rank for a in call.integers("axes") or range(call.x.rank)]
    if axis not in axes:
        return 0.0, 1.0
    return float(roi[axes.index(axis)]), float(roi[len(axes) + axes.index(axis)])
