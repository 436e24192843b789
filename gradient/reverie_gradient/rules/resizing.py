"""The rule for Resize, separable: one product with a transposed interpolation matrix for each axis that is resized.

If images are enlarged by integer factors to the nearest pixel, it is an average over each tile, times its size.
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

ROI, SCALES, SIZES = 1, 2, 3

Scale = Term | float | None


@vjp("Resize")
def _resize(call: Call) -> Sequence[Term | None]:
    x, dx = call.x, call.dy
    scales = _scales(call)
    if _tiles(call, scales):
        factors = [int(s) for s in scales[2:] if isinstance(s, float)]
        dx = dx.apply("AveragePool", kernel_shape=factors, strides=factors)
        return [dx * float(np.prod(factors))]
    cropping = _coordinate_mode(call) == "tf_crop_and_resize"
    for axis, scale in enumerate(scales):
        if cropping or not isinstance(scale, float) or scale != 1:
            dx = multiply_along(dx, _matrix(call, axis, scale).apply("Cast", to=int(dx.dtype)), axis, x.rank)
    return [dx]


def _scales(call: Call) -> list[Scale]:
    """Return the scale of each axis: a term if it is known only at run time, None if it follows from the sizes."""
    x, y = call.x, call.y
    given = call.integers("axes") or range(x.rank)
    axes = [a % x.rank for a in given]
    scales: list[Scale] = [1.0] * x.rank
    if call.has(SIZES):
        policy = call.string("keep_aspect_ratio_policy", "stretch")
        wanted, dims = call.constant(SIZES), static_dims(x, axes)
        if policy != "stretch":
            if wanted is None or dims is None:
                every = _common(call, axes, "Min" if policy == "not_larger" else "Max")
                return [every if axis in axes else 1.0 for axis in range(x.rank)]
            ratios = np.array(wanted) / np.array(dims)
            one = float(ratios.min() if policy == "not_larger" else ratios.max())
            return [one if axis in axes else 1.0 for axis in range(x.rank)]
        for axis in axes:
            n, m = x.dims[axis], y.dims[axis]
            known = isinstance(n, int) and isinstance(m, int)
            scales[axis] = m / n if known else 1.0 if n == m and n is not None else None  # type: ignore[operator]
        return scales
    known_scales = _known_elements(call, SCALES, len(axes))
    for i, axis in enumerate(axes):
        found = known_scales[i]
        scales[axis] = _at_run_time(call, SCALES, i) if found is None else found
    return scales


def _known_elements(call: Call, index: int, length: int) -> list[float | None]:
    """Return the elements of a vector, None for those known only at run time."""
    found = call.known.elements(call.input(index).value)
    if found is None or found.numbers.size != length:
        return [None] * length
    pairs = zip(found.numbers.reshape(-1), found.names.reshape(-1), strict=True)
    return [float(number) if name is None else None for number, name in pairs]


def _at_run_time(call: Call, index: int, element: int) -> Term:
    """Return one element of a vector as a real number."""
    dtype = ir.DataType.DOUBLE if call.x.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    return call.input(index).apply("Gather", [element]).apply("Cast", to=int(dtype))


def _common(call: Call, axes: Sequence[int], choose: str) -> Term:
    """Return the smallest or largest ratio of sizes, by which all of ``axes`` grow."""
    ratios = []
    for i, axis in enumerate(axes):
        wanted = _at_run_time(call, SIZES, i)
        ratios.append(wanted / sizes(call.x, [axis]).apply("Cast", to=int(wanted.dtype)))
    first, *others = ratios
    return first.apply(choose, *others)


def _coordinate_mode(call: Call) -> str:
    return call.string("coordinate_transformation_mode", "half_pixel")


def _tiles(call: Call, scales: Sequence[Scale]) -> bool:
    """Whether each element is repeated an integer number of times along the axes of an image, and nothing else."""
    if call.string("mode", "nearest") != "nearest" or not 3 <= call.x.rank <= 5 or scales[:2] != [1, 1]:
        return False
    factors = [s for s in scales if isinstance(s, float) and s >= 1 and s == int(s)]
    if len(factors) < len(scales) or max(factors) == 1:
        return False
    coordinates, rounding = _coordinate_mode(call), call.string("nearest_mode", "round_prefer_floor")
    if coordinates == "asymmetric":
        return rounding == "floor" or (rounding == "round_prefer_floor" and max(factors) == 2)
    return coordinates in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel") and rounding.startswith("round")


def _matrix(call: Call, axis: int, scale: Scale) -> Term:
    """Return the weight of each element of ``axis`` in each element of the result: [after, before]."""
    x, y = call.x, call.y
    dtype = ir.DataType.DOUBLE if x.dtype == ir.DataType.DOUBLE else ir.DataType.FLOAT
    before, after = sizes(x, [axis]), sizes(y, [axis])
    n, m = before.apply("Cast", to=int(dtype)), after.apply("Cast", to=int(dtype))
    c = _coordinates(call, axis, places(0, after, dtype), n, m, m / n if scale is None else scale)
    mode = call.string("mode", "nearest")
    shrink = 1.0
    if call.integer("antialias", 0) and mode != "nearest":
        if not isinstance(scale, float):
            raise call.refuse(f"antialias needs the size of axis {axis} or its scale to be known")
        shrink = min(scale, 1.0)
    kernel = _kernel(call, mode)
    smooth = mode == "cubic" or shrink < 1
    at = c if smooth else to_edge(c, n - 1)
    margin = int(np.ceil(kernel.support / shrink)) + 1 if smooth else 0
    outside = smooth and not call.integer("exclude_outside", 0)
    element = places(-margin, before + 2 * margin, dtype) if outside else places(0, before, dtype)
    distance = element - at.apply("Unsqueeze", [1])
    weights = kernel.weight(distance * shrink if shrink < 1 else distance)
    if smooth and (shrink < 1 or not outside):
        weights = weights / weights.apply("ReduceSum", [1], keepdims=1)
    if outside:
        weights = weights @ folded(margin, before, dtype, to_edge)
    if _coordinate_mode(call) == "tf_crop_and_resize":  # what lies outside is the extrapolation value
        inside = c.apply("Less", 0.0).apply("Not").apply("And", c.apply("Greater", n - 1).apply("Not"))
        weights = weights * inside.apply("Cast", to=int(dtype)).apply("Unsqueeze", [1])
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


def _region(call: Call, axis: int) -> tuple[Term | float, Term | float]:
    """Return the part of ``axis`` that is read, from 0 to 1."""
    axes = [a % call.x.rank for a in call.integers("axes") or range(call.x.rank)]
    if axis not in axes:
        return 0.0, 1.0
    roi, at = call.constant(ROI), (axes.index(axis), len(axes) + axes.index(axis))
    start, end = (_at_run_time(call, ROI, i) if roi is None else float(roi[i]) for i in at)
    return start, end
