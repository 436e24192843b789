"""Cases of selecting elements by indices of several axes, and of replacing them."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

PAIRS = "i = Constant <value = int64[3, 2] {0, 1, 2, -1, 0, 1}> () "
APART = "i = Constant <value = int64[2, 2] {0, 1, 2, -1}> () "
LINES = "i = Constant <value = int64[2, 3] {0, 2, 1, 1, -1, 1}> () "
CASES = [
    # --- selecting ---
    Case(LINES + "Y = GatherElements(X, i)", x="3,3"),
    Case(LINES + "Y = GatherElements <axis = 1> (X, i)", x="4,5"),
    Case("i = Cast <to = 7> (C) Y = GatherElements <axis = -2> (X, i)", x="2,3,4", c="1,5,4", wrt="X"),
    Case(PAIRS + "Y = GatherND(X, i)", x="3,4,2"),
    Case("i = Constant <value = int64[2, 2, 1] {0, 1, -1, 1}> () Y = GatherND <batch_dims = 1> (X, i)", x="2,4,3"),
    Case("i = Cast <to = 7> (C) Y = GatherND(X, i)", x="3,4,2", c="5,2", wrt="X", free="X"),
    Case("i = Cast <to = 7> (C) Y = GatherND <batch_dims = 1> (X, i)", x="2,4,3", c="2,5,1", wrt="X", free="X"),
    Case("k = Constant <value_ints = [2]> () Y, i = TopK(X, k)", x="3,5"),
    Case("k = Constant <value_ints = [3]> () Y, i = TopK <axis = 1, largest = 0> (X, k)", x="2,5,3"),
    # --- replacing ---
    Case("i = Constant <value = int64[2, 3] {0, -1, 1, 1, 0, 0}> () Y = ScatterElements(X, i, B)", x="3,4", b="2,3"),
    Case(LINES + 'Y = ScatterElements <axis = 1, reduction = "add"> (X, i, B)', x="3,4", b="2,3", opsets=(16, 28)),
    Case(LINES + 'Y = ScatterElements <axis = 1, reduction = "max"> (X, i, B)', x="3,4", b="2,3", opsets=(18, 28)),
    Case(LINES + 'Y = ScatterElements <axis = 1, reduction = "mul"> (X, i, B)', x="3,4", b="2,3", opsets=(16, 28)),
    Case(PAIRS + 'Y = ScatterND <reduction = "mul"> (X, i, B)', x="3,4,2", b="3,2", opsets=(16, 28)),
    Case(APART + "Y = ScatterND(X, i, B)", x="3,4,2", b="2,2"),
    Case(PAIRS + 'Y = ScatterND <reduction = "add"> (X, i, B)', x="3,4,2", b="3,2", opsets=(16, 28)),
    Case(PAIRS + 'Y = ScatterND <reduction = "min"> (X, i, B)', x="3,4,2", b="3,2", opsets=(18, 28)),
    Case("i = Cast <to = 7> (C) Y = ScatterND(X, i, B)", x="3,4", b="1,4", c="1,1", wrt="XB", free="XB"),
]
