"""Cases of the Fourier transform."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

OLD, NEW = (17, 19), (20, 28)
AXIS = "a = Constant <value = int64 {1}> ()"

CASES = [
    Case("Y = DFT(X)", x="2,5,1", opsets=OLD, free=""),
    Case("Y = DFT <axis = 2, inverse = 1> (X)", x="2,3,4,2", opsets=OLD, free=""),
    Case(f"{AXIS} Y = DFT <onesided = 1> (X, , a)", x="2,6,3,1", opsets=NEW, free=""),
    Case(f"n = Constant <value = int64 {{8}}> () {AXIS} Y = DFT(X, n, a)", x="2,6,1", opsets=NEW, free=""),
    Case(f"n = Constant <value = int64 {{4}}> () {AXIS} Y = DFT(X, n, a)", x="2,6,2", opsets=NEW, free=""),
    Case("Y = DFT <inverse = 1> (X)", x="2,5,2", opsets=NEW, free=""),
]
