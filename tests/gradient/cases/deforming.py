"""Cases of deformable convolution, with offsets beyond the picture on all sides."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

SINCE = (19, 21)  # ONNX Runtime 1.32 has no kernel of opset 22

CASES = [
    Case("Y = DeformConv(X, B, C)", x="2,3,5,4", b="2,3,2,2", c="2,8,4,3", opsets=SINCE, free="XC"),
    Case(
        "Y = DeformConv <strides = [2, 1], pads = [1, 0, 2, 1], dilations = [1, 2]> (X, B, C)",
        x="1,2,5,6",
        b="3,2,3,2",
        c="1,12,3,5",
        opsets=SINCE,
        free="X",
    ),
    Case(
        "Y = DeformConv <group = 2, offset_group = 2, pads = [1, 1, 1, 1]> (X, B, C)",
        x="1,4,3,4",
        b="6,2,3,3",
        c="1,36,3,4",
        opsets=SINCE,
        free="X",
    ),
    # --- a bias, and masks ---
    Case(
        "w = Constant <value = T_[2, 1, 2, 1] {1, -2, 0.5, 3}> () Y = DeformConv <pads = [1, 0, 0, 0]> (X, w, C, B)",
        x="2,1,3,4",
        b="2",
        c="2,4,3,4",
        opsets=SINCE,
        free="XC",
    ),
    Case(
        "s = Constant <value_ints = [8, 4]> () o, m = Split <axis = 1> (C, s) "
        "Y = DeformConv <pads = [1, 1, 1, 1], offset_group = 2, group = 4> (X, B, o, , m)",
        x="2,4,3,4",
        b="4,1,1,2",
        c="2,12,5,5",
        opsets=SINCE,
        free="X",
    ),
]
