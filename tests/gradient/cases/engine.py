"""Cases of the engine: values used twice, and branches that the gradient must not enter."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case("e = Exp(X) s = Sigmoid(e) m = Mul(e, X) Y = Add(m, s)"),
    Case("e = Floor(B) Y = Mul(X, e)", b="2,3", wrt="X"),
    Case("s = Shape(X) e = Exp(X) Y = Reshape(e, s)", opsets=(15, 23)),  # ONNX infers nothing from older Shape
]
