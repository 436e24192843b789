"""Cases of convolution."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"

CASES = [
    # --- pads, strides that divide and that do not, dilations, groups ---
    Case("Y = Conv(X, B)", x=IMAGE, b="3,4,3,3", free="X"),
    Case("Y = Conv <pads = [1, 1, 1, 1]> (X, B, C)", x=IMAGE, b="3,4,3,3", c="3", free="X"),
    Case("Y = Conv <pads = [2, 0, 1, 3]> (X, B)", x=IMAGE, b="3,4,2,3", free="X"),
    Case("Y = Conv <pads = [3, 2, 4, 1]> (X, B)", x=IMAGE, b="3,4,2,1", free="X"),  # wider than the kernel
    Case("Y = Conv <strides = [1, 1]> (X, B)", x=IMAGE, b="3,4,1,1", free="X"),
    Case("Y = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (X, B, C)", x=IMAGE, b="3,4,3,3", c="3", free="X"),
    Case("Y = Conv <strides = [3, 2], pads = [0, 1, 2, 0]> (X, B)", x="1,2,8,7", b="3,2,2,3", free="X"),
    Case("Y = Conv <strides = [4, 4]> (X, B)", x="1,2,11,10", b="3,2,2,2", free="X"),  # skips inputs
    Case("Y = Conv <dilations = [2, 1], pads = [1, 0, 1, 0]> (X, B)", x=IMAGE, b="3,4,2,3", free="X"),
    Case("Y = Conv <dilations = [2, 2], strides = [2, 1]> (X, B)", x="1,2,8,7", b="3,2,3,2", free="X"),
    Case("Y = Conv <group = 2, pads = [1, 1, 1, 1]> (X, B)", x=IMAGE, b="6,2,3,3", free="X"),
    Case("Y = Conv <group = 4> (X, B)", x=IMAGE, b="4,1,3,3", free="X"),
    Case("Y = Conv <group = 2, strides = [2, 3], pads = [1, 1, 0, 1]> (X, B)", x=IMAGE, b="6,2,3,2", free="X"),
    Case('Y = Conv <auto_pad = "SAME_UPPER"> (X, B)', x=IMAGE, b="3,4,2,3", free="X"),
    Case('Y = Conv <auto_pad = "SAME_LOWER", strides = [2, 2]> (X, B)', x="1,2,7,6", b="3,2,2,3", free=""),
    Case('Y = Conv <auto_pad = "VALID", strides = [2, 2]> (X, B)', x="1,2,7,6", b="3,2,2,3", free="X"),
    Case("Y = Conv <pads = [1, 1]> (X, B)", x="2,3,7", b="4,3,3", free="X"),
    Case("Y = Conv <strides = [2, 1, 1]> (X, B)", x="1,2,4,3,5", b="2,2,2,2,2", free="X"),
    Case("Y = Conv <dilations = [2, 1, 1], group = 2> (X, B)", x="1,4,4,3,3", b="4,2,2,2,2", free="X"),
    # --- weights that are computed from the picture, different for each batch element, in groups ---
    Case(
        "s = Constant <value_ints = [1, 6, 5, 4]> () x = Reshape(X, s) m = AveragePool <kernel_shape = [3, 4]> (X) "
        "e = Exp(m) k = Constant <value_ints = [2, 3, 3, 1]> () w = Reshape(e, k) "
        "Y = Conv <group = 2, pads = [1, 0, 1, 0]> (x, w)",
        x="2,3,5,4",
        free="",
    ),
    # --- its transpose ---
    Case("Y = ConvTranspose(X, B)", x=IMAGE, b="4,3,3,3", free="X"),
    # The ranks of the parts of a Concat's cotangent are not known.
    Case("t = ConvTranspose <group = 2> (X, B) Y = Concat <axis = 1> (t, t)", x=IMAGE, b="4,3,3,3", free="X"),
    Case("t = Conv <group = 2> (X, B) Y = Concat <axis = 1> (t, t)", x=IMAGE, b="4,2,3,3", free="X"),
    Case("Y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (X, B, C)", x=IMAGE, b="4,3,4,4", c="3", free="X"),
    Case(
        "Y = ConvTranspose <strides = [2, 3], pads = [1, 0, 0, 1], output_padding = [1, 2]> (X, B)",
        x=IMAGE,
        b="4,2,3,2",
        free="X",
    ),
    Case(
        "Y = ConvTranspose <group = 2, dilations = [2, 1], strides = [1, 2]> (X, B)",
        x=IMAGE,
        b="4,3,2,3",
        free="X",
    ),
    Case('Y = ConvTranspose <auto_pad = "SAME_UPPER", strides = [2, 2]> (X, B)', x=IMAGE, b="4,2,3,3", free="X"),
    Case('Y = ConvTranspose <auto_pad = "SAME_LOWER", strides = [2, 2]> (X, B)', x=IMAGE, b="4,2,3,3", free="X"),
    Case('Y = ConvTranspose <auto_pad = "VALID", strides = [2, 2]> (X, B)', x=IMAGE, b="4,2,3,3", free="X"),
    Case("Y = ConvTranspose <strides = [2, 2], output_shape = [10, 13]> (X, B)", x=IMAGE, b="4,2,3,3", free=""),
    Case("Y = ConvTranspose <strides = [2], pads = [1, 1]> (X, B)", x="2,3,7", b="3,4,4", free="X"),
    Case("Y = ConvTranspose <strides = [2, 1, 2]> (X, B)", x="1,2,2,3,3", b="2,2,2,2,3", free="X"),
]
