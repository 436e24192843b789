"""Cases of operators that act on each element by itself."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"

CASES = [
    # --- elementwise, one input ---
    Case("Y = Abs(X)"),
    Case("Y = Acos(X)", low=-0.9, high=0.9),
    Case("Y = Acosh(X)", low=1.1, high=5.0),
    Case("Y = Asin(X)", low=-0.9, high=0.9),
    Case("Y = Asinh(X)"),
    Case("Y = Atan(X)"),
    Case("Y = Atanh(X)", low=-0.9, high=0.9),
    Case("Y = Cos(X)"),
    Case("Y = Cosh(X)"),
    Case("Y = Erf(X)"),
    Case("Y = Exp(X)"),
    Case("Y = Identity(X)"),
    Case("Y = Log(X)", low=0.5),  # away from the pole
    Case("Y = Neg(X)"),
    Case("Y = Reciprocal(X)", low=0.5),
    Case("Y = Relu(X)"),
    Case("Y = Sigmoid(X)"),
    Case("Y = Sin(X)"),
    Case("Y = Sinh(X)"),
    Case("Y = Sqrt(X)", low=0.5),
    Case("Y = Tan(X)", low=-1.2, high=1.2),
    Case("Y = Tanh(X)"),
    # --- elementwise, two inputs: same shape, stretched axes, missing axes, a scalar ---
    Case("Y = Add(X, B)", b="2,3"),
    Case("Y = Sub(X, B)", b="1,3"),
    Case("Y = Mul(X, B)", x=IMAGE, b="4,1,1"),
    Case("Y = Mul(X, B)", x="1,3", b="4,1"),
    Case("Y = Mul(X, B)", b=""),
    Case("Y = Div(X, B)", b="3", low=0.5),
    Case("Y = Mod <fmod = 1> (X, B)", x="2,1", b="3", low=0.5, high=4.0),
    Case("n = Neg(X) Y = Mod <fmod = 1> (n, B)", b="3", low=0.5, high=4.0),
    Case("Y = Pow(X, B)", b="3", low=0.5),
    Case("two = Constant <value = T_ {2.0}> () Y = Pow(X, two)"),
    Case("three = Constant <value = int64 {3}> () Y = Pow(X, three)"),
    # --- elementwise, the rest ---
    Case("lo = Constant <value = T_ {-0.5}> () hi = Constant <value = T_ {0.7}> () Y = Clip(X, lo, hi)"),
    Case("lo = Constant <value = T_ {-0.5}> () Y = Clip(X, lo)"),
    Case("zero = Constant <value = T_ {0.0}> () c = Greater(X, zero) Y = Where(c, X, B)", b="1,3"),
    Case("zero = Constant <value = T_ {0.0}> () c = Greater(C, zero) Y = Where(c, X, B)", b="", c="2,3", wrt="XB"),
    Case("Y = Sum(X, B, C, X)", b="3", c=""),
    Case("Y = Sum(X)"),
    Case("Y = Mean(X, B, C)", b="2,1", c="1,3"),
    Case("c = CastLike(X, B) Y = Exp(c)", b="1", wrt="X", opsets=(15, 28)),
    Case("f = Cast <to = 1> (X) g = Exp(f) Y = Cast <to = 11> (g)", wrt=""),  # see test_conventions
    Case("Y = Dropout(X)"),
    Case("r = Constant <value = float {0.4}> () t = Constant <value = bool {0}> () Y, mask = Dropout(X, r, t)"),
]
