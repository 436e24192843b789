"""Cases of quantised numbers. Steps have no slope; test_quantised compares with equivalent networks of real numbers."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case("q = QuantizeLinear(X, B) Y = DequantizeLinear(q, B)", b="", wrt=""),
    Case("q, s, z = DynamicQuantizeLinear(X) p = MatMulInteger(q, q) Y = Cast <to = 1> (p)", wrt=""),
    Case("q, s, z = DynamicQuantizeLinear(X) p = ConvInteger(q, q) Y = Cast <to = 1> (p)", wrt=""),
    Case("q, s, z = DynamicQuantizeLinear(X) Y = QLinearMatMul(q, s, z, q, s, z, s, z)", wrt=""),
    Case("q, s, z = DynamicQuantizeLinear(X) Y = QLinearConv(q, s, z, q, s, z, s, z)", wrt=""),
]
