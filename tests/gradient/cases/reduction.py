"""Cases of operators that reduce axes."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"
AXES_AS_INPUT = (18, 23)

CASES = [
    # --- axes given, by default, kept or not ---
    Case("a = Constant <value_ints = [2, 3]> () Y = ReduceMean(X, a)", x=IMAGE, opsets=AXES_AS_INPUT),
    Case("a = Constant <value_ints = [-1, 1]> () Y = ReduceMean <keepdims = 0> (X, a)", x=IMAGE, opsets=AXES_AS_INPUT),
    Case("Y = ReduceMean <keepdims = 0> (X)"),
    Case("Y = ReduceMean <axes = [1], keepdims = 0> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [0]> () Y = ReduceSum <keepdims = 0> (X, a)"),
    Case("Y = ReduceSum(X)"),
    Case("Y = ReduceSum <noop_with_empty_axes = 1> (X)"),
    Case("Y = ReduceMax <keepdims = 0> (X)"),
    Case("a = Constant <value_ints = [0, 2]> () Y = ReduceMax <keepdims = 0> (X, a)", x="2,3,4", opsets=AXES_AS_INPUT),
    Case("Y = ReduceMin <axes = [1]> (X)", opsets=(13, 17)),
    Case("Y = ReduceL1 <axes = [1]> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [0, -1]> () Y = ReduceL1 <keepdims = 0> (X, a)", x="2,3,4", opsets=AXES_AS_INPUT),
    Case("Y = ReduceL2 <keepdims = 0> (X)"),
    Case("a = Constant <value_ints = [1]> () Y = ReduceL2(X, a)", x="2,3,4", opsets=AXES_AS_INPUT),
    Case("Y = ReduceLogSum <axes = [0], keepdims = 0> (X)", low=0.5, opsets=(13, 17)),
    Case("a = Constant <value_ints = [1]> () Y = ReduceLogSum(X, a)", low=0.5, opsets=AXES_AS_INPUT),
    Case("Y = ReduceLogSumExp <axes = [1]> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [0]> () Y = ReduceLogSumExp <keepdims = 0> (X, a)", opsets=AXES_AS_INPUT),
    Case("Y = ReduceProd <axes = [1], keepdims = 0> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [0, 2]> () Y = ReduceProd(X, a)", x="2,3,2", opsets=AXES_AS_INPUT),
    Case("Y = ReduceProd <keepdims = 0> (X)"),
    Case("r = Relu(X) a = Constant <value_ints = [1]> () Y = ReduceProd(r, a)", x="6,2", opsets=AXES_AS_INPUT),
    Case("Y = ReduceSumSquare <axes = [0]> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [1]> () Y = ReduceSumSquare <keepdims = 0> (X, a)", opsets=AXES_AS_INPUT),
]
