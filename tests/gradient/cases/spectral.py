"""Cases of the Fourier transform."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

OLD, NEW = (17, 19), (20, 28)
AXIS = "a = Constant <value = int64 {1}> ()"

SHORT = (17, 28)


def short_time(inputs: str, x: str, *, onesided: int = 1, window: str = "{0.5, 1, -1.5, 2}") -> Case:
    """Frames of 4 elements, unless the window says otherwise."""
    constants = f"w = Constant <value = T_[{window.count(',') + 1}] {window}> () n = Constant <value = int64 {{4}}> () "
    steps = "one = Constant <value = int64 {1}> () two = Constant <value = int64 {2}> () "
    return Case(f"{constants}{steps}Y = STFT <onesided = {onesided}> ({inputs})", x=x, opsets=SHORT, free="")


CASES = [
    Case("Y = DFT(X)", x="2,5,1", opsets=OLD, free=""),
    Case("Y = DFT <axis = 2, inverse = 1> (X)", x="2,3,4,2", opsets=OLD, free=""),
    Case(f"{AXIS} Y = DFT <onesided = 1> (X, , a)", x="2,6,3,1", opsets=NEW, free=""),
    Case(f"n = Constant <value = int64 {{8}}> () {AXIS} Y = DFT(X, n, a)", x="2,6,1", opsets=NEW, free=""),
    Case(f"n = Constant <value = int64 {{4}}> () {AXIS} Y = DFT(X, n, a)", x="2,6,2", opsets=NEW, free=""),
    Case("Y = DFT <inverse = 1> (X)", x="2,5,2", opsets=NEW, free=""),
    # --- in frames: with and without a window, with a rest, overlapping as much as they can, complex ---
    short_time("X, two, w", "2,9,1"),
    short_time("X, two, , n", "1,8,1"),
    short_time("X, n, w, n", "2,11,1", onesided=0),
    short_time("X, one, w", "1,7,1"),
    short_time("X, two, w", "2,7,2", onesided=0),
    short_time("X, two, w", "1,9,1", window="{1, 2, 3}"),
]
