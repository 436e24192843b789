"""Cases of affine grids."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

FLAT, SOLID = "s = Constant <value_ints = [2, 1, 3, 4]> ()", "s = Constant <value_ints = [2, 1, 3, 4, 2]> ()"
NEW = (20, 28)

CASES = [
    Case(f"{FLAT} Y = AffineGrid(X, s)", x="2,2,3", opsets=NEW),
    Case(f"{FLAT} Y = AffineGrid <align_corners = 1> (X, s)", x="2,2,3", opsets=NEW),
    Case(f"{SOLID} Y = AffineGrid(X, s)", x="2,3,4", opsets=NEW),
    Case(f"{SOLID} Y = AffineGrid <align_corners = 1> (X, s)", x="2,3,4", opsets=NEW),
]
