"""Cases of operators that select elements of a tensor, and of padding."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

AXES_AS_INPUT = (18, 23)

CASES = [
    # --- selecting and padding ---
    Case("s = Constant <value_ints = [1]> () e = Constant <value_ints = [3]> () Y = Slice(X, s, e)", x="4,3"),
    Case(
        "s = Constant <value_ints = [-3, 0]> () e = Constant <value_ints = [100, -1]> () "
        "a = Constant <value_ints = [-1, 1]> () Y = Slice(X, s, e, a)",
        x="2,4,5",
    ),
    Case(
        "s = Constant <value_ints = [1, -1]> () e = Constant <value_ints = [6, -100]> () "
        "a = Constant <value_ints = [1, 2]> () t = Constant <value_ints = [2, -3]> () Y = Slice(X, s, e, a, t)",
        x="2,7,6",
    ),
    Case("p = Constant <value_ints = [1, 0, 2, 3]> () Y = Pad(X, p)"),
    Case("p = Constant <value_ints = [1, -1, 0, 2]> () Y = Pad(X, p)", wrt=""),  # see test_conventions
    Case(
        "p = Constant <value_ints = [1, 2]> () a = Constant <value_ints = [1]> () Y = Pad(X, p, , a)",
        opsets=AXES_AS_INPUT,
    ),
    Case('p = Constant <value_ints = [1, 3, 0, 2]> () Y = Pad <mode = "reflect"> (X, p)', x="3,4"),
    Case('p = Constant <value_ints = [1, 3, 0, 2]> () Y = Pad <mode = "edge"> (X, p)', x="3,4"),
    Case("i = Constant <value = int64 {1}> () Y = Gather(X, i)"),
    Case("i = Constant <value_ints = [2, 0, -2]> () Y = Gather <axis = 1> (X, i)"),
    Case("i = Constant <value_ints = [0, 0, 1, 0]> () Y = Gather <axis = -1> (X, i)", x="2,3,4"),
    Case("i = Constant <value = int64[2, 2] {3, 1, 1, 0}> () Y = Gather <axis = 1> (X, i)", x="2,4,3"),
    Case("i = Constant <value = int64[12] {0,0,0,0,0,0,0,0,0,0,0,0}> () Y = Gather <axis = 1> (X, i)", x="2,30"),
    # --- selecting and padding with indices that are only known at run time ---
    Case(
        "s = Cast <to = 7> (C) e = Constant <value_ints = [9, 9]> () Y = Slice(X, s, e)",
        x="5,6",
        c="2",
        low=-3.0,
        high=-1.0,
        wrt="X",
        free="X",
    ),
    Case(
        "s = Cast <to = 7> (C) e = Constant <value_ints = [5]> () a = Constant <value_ints = [1]> () "
        "Y = Slice(X, s, e, a)",
        x="2,6,3",
        c="1",
        low=1.0,
        high=4.0,
        wrt="X",
        free="X",
    ),
    Case(
        "s = Cast <to = 7> (C) e = Constant <value_ints = [-9, 9]> () a = Constant <value_ints = [1, 0]> () "
        "t = Constant <value_ints = [-2, 2]> () Y = Slice(X, s, e, a, t)",
        x="5,6",
        c="2",
        low=2.0,
        high=4.0,
        wrt="X",
        free="X",
    ),
    Case("p = Cast <to = 7> (C) Y = Pad(X, p)", c="4", low=0.0, high=3.0, wrt="X", free="X"),
    Case("i = Cast <to = 7> (C) Y = Gather(X, i)", x="3,4", c="7", wrt="X"),
    Case("i = Cast <to = 7> (C) Y = Gather <axis = 1> (X, i)", x="2,3,4", c="2,2", wrt="X"),
    Case('p = Constant <value_ints = [1, 3, 0, 2]> () Y = Pad <mode = "wrap"> (X, p)', x="3,4", opsets=(19, 28)),
]
