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
    Case("Y = GroupNormalization <num_groups = 2> (X, B, C)", x=IMAGE, b="4", c="4", free="X", opsets=(21, 28)),
    Case("Y = MeanVarianceNormalization <axes = [0, 2, 3]> (X)", x=IMAGE),
    Case("Y = MeanVarianceNormalization <axes = [1, -1]> (X)", x=IMAGE),
    Case("Y = RMSNormalization(X, B)", x="2,3,4", b="4", free="X", opsets=(23, 28)),
    Case("Y = RMSNormalization <axis = 1, epsilon = 0.1> (X, B)", x="2,3,4", b="3,4", free="X", opsets=(23, 28)),
    Case("Y = LpNormalization(X)"),
    Case("Y = LpNormalization <axis = 1, p = 1> (X)", x="2,3,4"),
    Case("Y = LpNormalization <axis = 0, p = 2> (X)", x="2,3,4"),
    Case("Y = LRN <size = 3, alpha = 0.5> (X)", x=IMAGE),
    Case("Y = LRN <size = 4, alpha = 2.0, beta = 0.5, bias = 2.0> (X)", x="2,7,3", runtime=False),
    Case("Y = LRN <size = 5, alpha = 0.1> (X)", x="1,3,2,2,3", runtime=False),
    Case("Y = Softmax(X)"),
    Case("Y = Softmax <axis = 1> (X)", x="2,3,4"),
    Case("Y = LogSoftmax <axis = 0> (X)"),
]
