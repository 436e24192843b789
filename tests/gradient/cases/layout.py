"""Cases of operators that move elements without changing them."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

CASES = [
    Case("s = Constant <value_ints = [3, 2]> () Y = Reshape(X, s)"),
    Case("s = Constant <value_ints = [0, -1, 2]> () Y = Reshape(X, s)", x="2,3,4"),
    Case("Y = Flatten(X)", x="2,3,4"),
    Case("Y = Flatten <axis = 2> (X)", x="2,3,4"),
    Case("a = Constant <value_ints = [0, 2]> () Y = Unsqueeze(X, a)"),
    Case("a = Constant <value_ints = [0]> () Y = Squeeze(X, a)", x="1,3"),
    Case("Y = Squeeze(X)", x="1,3,1", free=""),  # the rank of the result depends on the sizes
    Case("Y = Transpose <perm = [2, 0, 1]> (X)", x="2,3,4"),
    Case("Y = Transpose(X)"),
    Case("s = Constant <value_ints = [4, 2, 3]> () Y = Expand(X, s)", x="2,1"),
    Case("s = Constant <value_ints = [1, 3]> () Y = Expand(X, s)", x="2,3"),
    Case("r = Constant <value_ints = [2, 3]> () Y = Tile(X, r)"),
    Case("r = Constant <value_ints = [1, 2, 1]> () Y = Tile(X, r)", x="2,3,2"),
    Case("Y = DepthToSpace <blocksize = 2> (X)", x="2,8,2,3"),
    Case('Y = DepthToSpace <blocksize = 2, mode = "CRD"> (X)', x="2,8,2,3"),
    Case("Y = SpaceToDepth <blocksize = 2> (X)", x="2,3,4,6"),
]
