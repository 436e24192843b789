"""Cases of operators that rearrange."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

KEPT = "k = Constant <value = bool[3] {1, 0, 1}> ()"


def col2im(image: str, block: str, attributes: str, x: str) -> Case:
    sizes = f"i = Constant <value_ints = [{image}]> () b = Constant <value_ints = [{block}]> ()"
    return Case(f"{sizes} Y = Col2Im {attributes} (X, i, b)", x=x, opsets=(18, 28))


CASES = [
    col2im("4, 6", "2, 3", "<strides = [2, 3]>", "2,12,4"),
    col2im("4, 5", "3, 3", "<pads = [1, 1, 1, 1], strides = [1, 2]>", "2,9,12"),
    col2im("5, 6", "2, 2", "<dilations = [2, 1], strides = [2, 3]>", "1,8,4"),
    col2im("7", "3", "<strides = [2]>", "1,6,3"),
    Case(f"{KEPT} Y = Compress <axis = 1> (X, k)", x="2,3,4", free="X"),
    Case(f"{KEPT} Y = Compress <axis = -2> (X, k)", x="2,4,2", free="X"),
    Case(f"{KEPT} Y = Compress(X, k)", x="2,3", free="X"),
    Case("l = Constant <value_ints = [2, 3]> () Y = ReverseSequence(X, l)", x="4,2,3"),
    Case("l = Constant <value_ints = [1, 3]> () Y = ReverseSequence <batch_axis = 0, time_axis = 1> (X, l)", x="2,4"),
    Case("l = Cast <to = 7> (C) Y = ReverseSequence(X, l)", x="3,4,2,2", c="4", low=1.0, high=3.9, wrt="X"),
]
