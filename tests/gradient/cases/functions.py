"""Cases of operators that are differentiated through ONNX's definitions of them."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

# ONNX infers nothing from an older Shape.
SHAPES_KNOWN = (15, 28)

LABELS = "l = Constant <value = int64[3] {1, 0, 2}> ()"
GRID = "l = Constant <value = int64[2, 2] {1, 0, 2, 1}> () w = Constant <value = T_[3] {0.5, 2.0, 1.5}> ()"

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
    Case(f"{LABELS} Y = NegativeLogLikelihoodLoss(X, l)", x="3,4"),
    Case(f'{GRID} Y = NegativeLogLikelihoodLoss <reduction = "none", ignore_index = 0> (X, l, w)', x="2,3,2"),
    Case(f"{LABELS} Y = SoftmaxCrossEntropyLoss(X, l)", x="3,4", opsets=SHAPES_KNOWN),
    Case(
        f'{LABELS} Y, p = SoftmaxCrossEntropyLoss <reduction = "sum", ignore_index = 1> (X, l)',
        x="3,4",
        opsets=SHAPES_KNOWN,
    ),
    Case("Y = SwiGLU <alpha = 0.7> (X, B)", b="2,3", opsets=(28, 28)),
]
