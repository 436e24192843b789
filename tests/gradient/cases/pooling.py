"""Cases of pooling."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"

CASES = [
    # --- tiles (with a special form after a convolution), tiles with a remainder, overlaps, gaps, pads ---
    Case(
        "c = Conv(X, B) Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)", x="2,3,4,6", b="2,3,1,1", free="X"
    ),
    Case(
        "c = Conv(X, B) r = Relu(c) Y = MaxPool <kernel_shape = [3, 2], strides = [3, 2]> (r)",
        x="2,3,8,7",
        b="2,3,1,1",
        free="X",
    ),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (X)", x="2,3,4,6"),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (X)", x="2,3,5,7"),
    Case("Y = MaxPool <kernel_shape = [3, 2], strides = [3, 2]> (X)", x="1,2,8,7"),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (X)", x="1,2,4,5"),
    Case("Y = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (X)", x="2,2,7,8"),
    Case("Y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (X)", x="2,2,7,8"),
    Case("Y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (X)", x="1,2,6,7"),
    Case("Y = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (X)", x="1,2,5,4"),
    Case("Y = MaxPool <kernel_shape = [4, 2], strides = [3, 1], pads = [1, 0, 2, 1]> (X)", x="1,2,8,5"),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [3, 3]> (X)", x="1,2,8,7"),
    Case('Y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER"> (X)', x="1,2,6,7", free=""),
    Case("Y, at = MaxPool <kernel_shape = [2], strides = [2]> (X)", x="2,3,7"),
    Case("Y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (X)", x="2,3,4,6"),
    Case("Y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (X)", x="2,3,5,7"),
    Case("Y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (X)", x="1,2,5,4"),
    Case("Y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 0, 1, 1]> (X)", x="1,2,7,8"),
    Case(
        "Y = AveragePool <kernel_shape = [3, 2], strides = [2, 3], pads = [1, 1, 1, 0], count_include_pad = 1> (X)",
        x="1,2,7,8",
    ),
    Case(
        "Y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1> (X)",
        x="1,2,6,8",
    ),
    Case("Y = AveragePool <kernel_shape = [3, 3], strides = [2, 3], pads = [1, 1, 1, 1]> (X)", x="1,2,8,8"),
    Case("Y = AveragePool <kernel_shape = [5, 4], strides = [3, 4], pads = [1, 0, 2, 3]> (X)", x="1,2,9,7"),
    Case(
        "Y = AveragePool <kernel_shape = [2, 3], dilations = [3, 2], strides = [2, 2]> (X)",
        x="1,2,8,9",
        opsets=(19, 28),
    ),
    Case("Y = LpPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (X)", x="1,2,6,8"),
    Case(
        "Y = AveragePool <kernel_shape = [3, 4], strides = [2, 3], pads = [1, 1, 1, 2]> (X)", x="1,2,6,8"
    ),  # with a rest
    Case("Y = GlobalAveragePool(X)", x=IMAGE),
    Case("Y = GlobalMaxPool(X)", x=IMAGE),
    # --- dilations, windows that stick out, other dimensions ---
    Case("Y = MaxPool <kernel_shape = [2, 2], dilations = [2, 3]> (X)", x="1,2,6,7"),
    Case(
        "Y = MaxPool <kernel_shape = [3, 2], dilations = [2, 1], strides = [2, 2], pads = [1, 1, 2, 0]> (X)",
        x="1,2,8,7",
    ),
    Case("Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (X)", x="1,2,5,7"),
    Case("Y = MaxPool <kernel_shape = [3, 3, 2], strides = [2, 2, 2], pads = [1, 1, 0, 1, 1, 0]> (X)", x="1,2,5,4,4"),
    Case("Y = MaxPool <kernel_shape = [3], strides = [2]> (X)", x="2,2,8"),
    Case("Y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (X)", x="1,2,6,8"),
    Case("Y = AveragePool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (X)", x="1,2,5,7"),
    Case(
        "Y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1> (X)",
        x="1,2,6,8",
    ),
    Case(
        "Y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1, "
        "count_include_pad = 1> (X)",
        x="1,2,6,8",
        opsets=(19, 28),
    ),
    Case(
        "Y = AveragePool <kernel_shape = [2, 3], dilations = [2, 1], strides = [2, 1], pads = [1, 1, 1, 1]> (X)",
        x="1,2,7,6",
        opsets=(19, 28),
    ),
    Case('Y = AveragePool <kernel_shape = [3, 3], auto_pad = "SAME_LOWER"> (X)', x="1,2,5,4"),
    Case("Y = AveragePool <kernel_shape = [3], strides = [2]> (X)", x="2,2,8"),
    Case("Y = AveragePool <kernel_shape = [2, 2, 3], strides = [2, 1, 2]> (X)", x="1,2,4,3,5"),
    # --- norms, and unpooling ---
    Case("Y = LpPool <kernel_shape = [2, 2], strides = [2, 2]> (X)", x="1,2,5,6"),
    Case("Y = LpPool <kernel_shape = [3, 2], strides = [2, 1], pads = [1, 0, 1, 1], p = 3> (X)", x="1,2,7,5"),
    Case("Y = LpPool <kernel_shape = [2, 2], p = 1> (X)", x="1,2,4,5"),
    Case("Y = LpPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (X)", x="1,2,6,7"),
    Case("Y = GlobalLpPool(X)", x=IMAGE, opsets=(13, 21)),
    Case("Y = GlobalLpPool <p = 3> (X)", x=IMAGE, opsets=(13, 21)),
    Case(
        "p, at = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (X) e = Exp(p) "
        "Y = MaxUnpool <kernel_shape = [2, 2], strides = [2, 2]> (e, at)",
        x="2,2,4,6",
    ),
]
