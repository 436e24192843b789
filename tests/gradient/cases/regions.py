"""Cases of pooling over regions, some of which reach beyond the picture or have swapped corners."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

OLD, NEW = (13, 15), (16, 21)  # ONNX Runtime 1.32 has no kernel of opset 22
OWNERS = "n = Constant <value_ints = [1, 0, 1]> ()"
SIZE = "output_height = 2, output_width = 3"
# From (x1, y1) to (x2, y2), moved by B, which is below 1.
REGIONS = (
    "a = Constant <value = T_[3, 4] {0.3, 0.4, 3.2, 5.1, -1.7, 2.2, 9.6, 4.9, 2.3, 2.6, 1.4, 2.1}> () r = Add(a, B)"
)
WHOLE = "r = Constant <value = T_[4, 5] {1, 0, 0, 3, 4, 0, 2.6, 1.2, 6, 1.4, 1, 3, 2, 1, 9, 0, -7, -7, -6, 2}> ()"


def aligned(attributes: str, opsets: tuple[int, int], wrt: str = "XB") -> Case:
    body = f"{OWNERS} {REGIONS} Y = RoiAlign <{SIZE}{attributes}> (X, r, n)"
    return Case(body, x="2,2,5,6", b="3,4", low=-0.2, high=0.2, wrt=wrt, opsets=opsets)


CASES = [
    aligned("", OLD),
    aligned(", sampling_ratio = 2, spatial_scale = 0.75", OLD),
    aligned(', mode = "max", sampling_ratio = 2', OLD),
    aligned("", NEW),
    aligned(", sampling_ratio = 2, spatial_scale = 1.25", NEW),
    aligned(', mode = "max", sampling_ratio = 2', NEW),
    aligned(', mode = "max"', NEW),
    aligned(', coordinate_transformation_mode = "output_half_pixel"', NEW),
    aligned(', coordinate_transformation_mode = "output_half_pixel", mode = "max", sampling_ratio = 1', NEW),
    Case(f"{WHOLE} Y = MaxRoiPool <pooled_shape = [2, 3]> (X, r)", x="2,3,5,6", opsets=(13, 21)),
    Case(f"{WHOLE} Y = MaxRoiPool <pooled_shape = [2, 2], spatial_scale = 0.5> (X, r)", x="2,1,4,5", opsets=(13, 21)),
]
