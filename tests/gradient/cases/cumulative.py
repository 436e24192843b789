"""Cases of cumulative sums and products, of triangles of matrices, and of ranges."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

AXIS_0, AXIS_1 = "a = Constant <value = int64 {0}> ()", "a = Constant <value = int64 {-2}> ()"
THREE = "n = Constant <value = int64 {3}> ()"
PRODUCT = (26, 28)

CASES = [
    Case(f"{AXIS_0} Y = CumSum(X, a)", opsets=(14, 28)),
    Case(f"{AXIS_1} Y = CumSum <exclusive = 1> (X, a)", x="2,3,4", opsets=(14, 28)),
    Case(f"{AXIS_1} Y = CumSum <reverse = 1> (X, a)", x="2,3,4", opsets=(14, 28)),
    Case(f"{AXIS_0} Y = CumSum <reverse = 1, exclusive = 1> (X, a)", x="4", opsets=(14, 28)),
    Case(f"{AXIS_0} Y = CumProd(X, a)", x="4,2", opsets=PRODUCT),
    Case(f"{AXIS_1} Y = CumProd <exclusive = 1> (X, a)", x="2,4,2", opsets=PRODUCT),
    Case(f"{AXIS_1} Y = CumProd <reverse = 1> (X, a)", x="2,4,2", opsets=PRODUCT),
    Case(f"{AXIS_0} Y = CumProd <reverse = 1, exclusive = 1> (X, a)", x="4", opsets=PRODUCT),
    Case("Y = Trilu(X)", x="2,3,4", opsets=(14, 28)),
    Case("k = Constant <value = int64 {-1}> () Y = Trilu <upper = 0> (X, k)", x="4,3", opsets=(14, 28)),
    Case("k = Constant <value = int64 {2}> () Y = Trilu(X, k)", x="3,5", opsets=(14, 28)),
    Case("n = Constant <value = T_ {9.0}> () Y = Range(X, n, B)", x="", b="", low=1.0, high=2.0),
    Case(f"i = Constant <value = int64[2, 2] {{1, -1, 0, 1}}> () {THREE} Y = OneHot(i, n, X)", x="2"),
    Case(f"i = Constant <value = int64[2] {{1, 2}}> () {THREE} Y = OneHot <axis = 0> (i, n, X)", x="2"),
]
