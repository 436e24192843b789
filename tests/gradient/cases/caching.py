"""Cases of writing into a cache."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

SINCE = (24, 28)
AT = "i = Constant <value_ints = [2, 1]> ()"

CASES = [
    Case("Y = TensorScatter(X, B)", x="2,2,5,3", b="2,2,2,3", opsets=SINCE),
    Case(f"{AT} Y = TensorScatter(X, B, i)", x="2,5,3", b="2,2,3", opsets=SINCE),
    Case(f'{AT} Y = TensorScatter <mode = "circular"> (X, B, i)', x="2,2,4,3", b="2,2,3,3", opsets=SINCE),
    Case(f"{AT} Y = TensorScatter <axis = -1> (X, B, i)", x="2,3,5", b="2,3,2", opsets=SINCE),
    Case(f"{AT} Y = TensorScatter <axis = 1> (X, B, i)", x="2,5,3,2", b="2,3,3,2", opsets=SINCE),
]
