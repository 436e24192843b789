"""Cases of piecewise activations, and of the maximum of several tensors."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    # --- smooth ---
    Case("Y = Gelu(X)", low=-4.0, high=4.0, opsets=(20, 28)),
    Case('Y = Gelu <approximate = "tanh"> (X)', low=-4.0, high=4.0, opsets=(20, 28)),
    Case("Y = Mish(X)", low=-4.0, high=4.0, opsets=(18, 28)),
    Case("Y = Swish(X)", opsets=(24, 28)),
    Case("Y = Swish <alpha = 1.7> (X)", opsets=(24, 28)),
    Case("Y = Softplus(X)"),
    Case("Y = Softsign(X)"),
    # --- made of pieces ---
    Case("Y = Celu <alpha = 0.7> (X)", exact_in=28),
    Case("Y = Elu(X)"),
    Case("Y = Selu(X)"),
    Case("Y = Selu <alpha = 1.2, gamma = 2.0> (X)"),
    Case("Y = Shrink <bias = 0.2, lambd = 0.8> (X)"),
    Case("Y = ThresholdedRelu <alpha = 0.3> (X)"),
    Case("Y = LeakyRelu <alpha = 0.1> (X)"),
    Case("Y = Elu <alpha = 0.7> (X)"),
    Case("Y = PRelu(X, B)", b="1,3"),
    Case("Y = HardSigmoid <alpha = 0.4> (X)"),
    Case("Y = HardSwish(X)", low=-4.0, high=4.0, opsets=(14, 23)),
    Case("Y = Max(X, B, C)", b="1,3", c=""),
    Case("Y = Min(X, B)", b="2,1"),
]
