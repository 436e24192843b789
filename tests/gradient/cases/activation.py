"""Cases of activations made of pieces, and of the larger of several tensors."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case("Y = LeakyRelu <alpha = 0.1> (X)"),
    Case("Y = Elu <alpha = 0.7> (X)"),
    Case("Y = PRelu(X, B)", b="1,3"),
    Case("Y = Softplus(X)"),
    Case("Y = HardSigmoid <alpha = 0.4> (X)"),
    Case("Y = HardSwish(X)", low=-4.0, high=4.0, opsets=(14, 23)),
    Case("Y = Max(X, B, C)", b="1,3", c=""),
    Case("Y = Min(X, B)", b="2,1"),
]
