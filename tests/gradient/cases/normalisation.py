"""Cases of normalisations and softmax."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"

CASES = [
    Case(
        "m = Constant <value = T_[4] {0.1, -0.2, 0.3, 0.0}> () v = Constant <value = T_[4] {0.5, 1.0, 2.0, 0.7}> () "
        "Y = BatchNormalization <epsilon = 0.01> (X, B, C, m, v)",
        x=IMAGE,
        b="4",
        c="4",
        free="X",
    ),
    Case("Y = LayerNormalization(X, B, C)", x="2,3,4", b="4", c="4", free="X", opsets=(17, 23)),
    Case("Y = LayerNormalization <axis = 1> (X, B)", x="2,3,4", b="3,4", free="X", opsets=(17, 23)),
    Case("Y = InstanceNormalization(X, B, C)", x=IMAGE, b="4", c="4", free="X"),
    Case("Y = Softmax(X)"),
    Case("Y = Softmax <axis = 1> (X)", x="2,3,4"),
    Case("Y = LogSoftmax <axis = 0> (X)"),
]
