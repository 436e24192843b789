"""Cases of products of matrices."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case("Y = Gemm(X, B)", x="2,3", b="3,4"),
    Case("Y = Gemm <transA = 1, alpha = 0.5> (X, B, C)", x="3,2", b="3,4", c="4"),
    Case("Y = Gemm <transB = 1, beta = 2.0> (X, B, C)", x="2,3", b="4,3", c="2,1"),
    Case("Y = Gemm <transA = 1, transB = 1> (X, B, C)", x="3,2", b="4,3", c=""),
    Case("Y = MatMul(X, B)", x="2,3", b="3,4"),
    Case("Y = MatMul(X, B)", x="2,5,2,3", b="3,4"),
    Case("Y = MatMul(X, B)", x="5,2,3", b="2,1,3,4"),
    Case("Y = MatMul(X, B)", x="3", b="3"),
    Case("Y = MatMul(X, B)", x="5,2,3", b="3"),
    Case("Y = MatMul(X, B)", x="3", b="5,3,4"),
]
