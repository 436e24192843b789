"""Cases of operators that join tensors or take them apart."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"
AXES_AS_INPUT = (18, 23)

CASES = [
    Case("Y = Concat <axis = 1> (X, B, X)", b="2,2"),
    Case("Y = Concat <axis = -2> (X, B)", x=IMAGE, b="2,4,1,6"),
    Case("s = Constant <value_ints = [1, 2]> () a, b = Split <axis = 1> (X, s) c = Exp(a) Y = Mul(b, c)"),
    Case(
        "a, b, Y = Split <axis = -1, num_outputs = 3> (X)", x="2,7", free="", opsets=AXES_AS_INPUT
    ),  # ONNX infers no sizes for it
    Case("Y, b = Split(X)", x="4,3", opsets=(13, 17)),
]
