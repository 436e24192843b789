"""Cases of operators that are differentiated through the definitions that ONNX gives of them."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case(
        "s = Constant <value_ints = [4, 3]> () Y = CenterCropPad <axes = [0, 1]> (X, s)",
        x="6,2,3",
        opsets=(18, 28),
        free="",
    ),
    Case(
        "Y, p = CausalConvWithState(X, B, C)",
        x="2,3,7",
        b="3,1,4",
        c="3",
        opsets=(27, 28),
        wrt="X",
        free="",
        runtime=False,
    ),
    Case("Y = SwiGLU <alpha = 0.7> (X, B)", b="2,3", opsets=(28, 28)),
]
