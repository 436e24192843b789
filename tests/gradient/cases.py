"""The table of gradients: one row or more for every rule."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

IMAGE = "2,4,5,6"
AXES_AS_INPUT = (18, 23)

CASES = [
    # --- elementwise, one input ---
    Case("Y = Abs(X)"),
    Case("Y = Cos(X)"),
    Case("Y = Erf(X)"),
    Case("Y = Exp(X)"),
    Case("Y = Identity(X)"),
    Case("Y = Log(X)", low=0.5),  # away from the pole
    Case("Y = Neg(X)"),
    Case("Y = Reciprocal(X)", low=0.5),
    Case("Y = Relu(X)"),
    Case("Y = Sigmoid(X)"),
    Case("Y = Sin(X)"),
    Case("Y = Sqrt(X)", low=0.5),
    Case("Y = Tanh(X)"),
    # --- elementwise, two inputs: same shape, stretched axes, missing axes, a scalar ---
    Case("Y = Add(X, B)", b="2,3"),
    Case("Y = Sub(X, B)", b="1,3"),
    Case("Y = Mul(X, B)", x=IMAGE, b="4,1,1"),
    Case("Y = Mul(X, B)", x="1,3", b="4,1"),
    Case("Y = Mul(X, B)", b=""),
    Case("Y = Div(X, B)", b="3", low=0.5),
    Case("Y = Pow(X, B)", b="3", low=0.5),
    Case("two = Constant <value = T_ {2.0}> () Y = Pow(X, two)"),
    Case("three = Constant <value = int64 {3}> () Y = Pow(X, three)"),
    # --- elementwise, the rest ---
    Case("lo = Constant <value = T_ {-0.5}> () hi = Constant <value = T_ {0.7}> () Y = Clip(X, lo, hi)"),
    Case("lo = Constant <value = T_ {-0.5}> () Y = Clip(X, lo)"),
    Case("zero = Constant <value = T_ {0.0}> () c = Greater(X, zero) Y = Where(c, X, B)", b="1,3"),
    Case("zero = Constant <value = T_ {0.0}> () c = Greater(C, zero) Y = Where(c, X, B)", b="", c="2,3", wrt="XB"),
    Case("f = Cast <to = 1> (X) g = Exp(f) Y = Cast <to = 11> (g)", wrt=""),  # see test_conventions
    Case("Y = Dropout(X)"),
    Case("r = Constant <value = float {0.4}> () t = Constant <value = bool {0}> () Y, mask = Dropout(X, r, t)"),
    # --- activations made of pieces, the larger of two ---
    Case("Y = LeakyRelu <alpha = 0.1> (X)"),
    Case("Y = Elu <alpha = 0.7> (X)"),
    Case("Y = PRelu(X, B)", b="1,3"),
    Case("Y = Softplus(X)"),
    Case("Y = HardSigmoid <alpha = 0.4> (X)"),
    Case("Y = HardSwish(X)", low=-4.0, high=4.0, opsets=(14, 23)),
    Case("Y = Max(X, B, C)", b="1,3", c=""),
    Case("Y = Min(X, B)", b="2,1"),
    # --- convolution: pads, strides that divide and that do not, dilations, groups ---
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
    Case("Y = Conv <group = 2, pads = [1, 1, 1, 1]> (X, B)", x=IMAGE, b="6,2,3,3", wrt="X", free="X"),
    Case("Y = Conv <group = 4> (X, B)", x=IMAGE, b="4,1,3,3", wrt="X", free="X"),
    Case("Y = Conv <group = 2, strides = [2, 3], pads = [1, 1, 0, 1]> (X, B)", x=IMAGE, b="6,2,3,2", wrt="X", free="X"),
    Case('Y = Conv <auto_pad = "SAME_UPPER"> (X, B)', x=IMAGE, b="3,4,2,3", free="X"),
    Case('Y = Conv <auto_pad = "SAME_LOWER", strides = [2, 2]> (X, B)', x="1,2,7,6", b="3,2,2,3", free=""),
    Case('Y = Conv <auto_pad = "VALID", strides = [2, 2]> (X, B)', x="1,2,7,6", b="3,2,2,3", free="X"),
    Case("Y = Conv <pads = [1, 1]> (X, B)", x="2,3,7", b="4,3,3", free="X"),
    Case("Y = Conv <strides = [2, 1, 1]> (X, B)", x="1,2,4,3,5", b="2,2,2,2,2", free="X"),
    # --- pooling: tiles (with a form of their own behind a convolution), tiles with a rest, overlaps, gaps, pads ---
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
    Case("Y = GlobalAveragePool(X)", x=IMAGE),
    Case("Y = GlobalMaxPool(X)", x=IMAGE),
    # --- matrices ---
    Case("Y = Gemm(X, B)", x="2,3", b="3,4"),
    Case("Y = Gemm <transA = 1, alpha = 0.5> (X, B, C)", x="3,2", b="3,4", c="4"),
    Case("Y = Gemm <transB = 1, beta = 2.0> (X, B, C)", x="2,3", b="4,3", c="2,1"),
    Case("Y = Gemm <transA = 1, transB = 1> (X, B, C)", x="3,2", b="4,3", c=""),
    Case("Y = MatMul(X, B)", x="2,3", b="3,4"),
    Case("Y = MatMul(X, B)", x="2,5,2,3", b="3,4"),
    Case("Y = MatMul(X, B)", x="5,2,3", b="2,1,3,4"),
    Case("Y = MatMul(X, B)", x="3", b="3"),
    Case("Y = MatMul(X, B)", x="5,2,3", b="3"),
    Case("Y = MatMul(X, B)", x="3", b="5,3,4"),
    # --- reductions: axes given, by default, kept or not ---
    Case("a = Constant <value_ints = [2, 3]> () Y = ReduceMean(X, a)", x=IMAGE, opsets=AXES_AS_INPUT),
    Case("a = Constant <value_ints = [-1, 1]> () Y = ReduceMean <keepdims = 0> (X, a)", x=IMAGE, opsets=AXES_AS_INPUT),
    Case("Y = ReduceMean <keepdims = 0> (X)"),
    Case("Y = ReduceMean <axes = [1], keepdims = 0> (X)", opsets=(13, 17)),
    Case("a = Constant <value_ints = [0]> () Y = ReduceSum <keepdims = 0> (X, a)"),
    Case("Y = ReduceSum(X)"),
    Case("Y = ReduceSum <noop_with_empty_axes = 1> (X)"),
    Case("Y = ReduceMax <keepdims = 0> (X)"),
    Case("a = Constant <value_ints = [0, 2]> () Y = ReduceMax <keepdims = 0> (X, a)", x="2,3,4", opsets=AXES_AS_INPUT),
    Case("Y = ReduceMin <axes = [1]> (X)", opsets=(13, 17)),
    # --- layout ---
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
    # --- joining and parting ---
    Case("Y = Concat <axis = 1> (X, B, X)", b="2,2"),
    Case("Y = Concat <axis = -2> (X, B)", x=IMAGE, b="2,4,1,6"),
    Case("s = Constant <value_ints = [1, 2]> () a, b = Split <axis = 1> (X, s) c = Exp(a) Y = Mul(b, c)"),
    Case(
        "a, b, Y = Split <axis = -1, num_outputs = 3> (X)", x="2,7", free="", opsets=AXES_AS_INPUT
    ),  # ONNX infers no sizes for it
    Case("Y, b = Split(X)", x="4,3", opsets=(13, 17)),
    # --- picking and surrounding ---
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
    Case('p = Constant <value_ints = [1, 3, 0, 2]> () Y = Pad <mode = "reflect"> (X, p)', x="3,4", free=""),
    Case('p = Constant <value_ints = [1, 3, 0, 2]> () Y = Pad <mode = "edge"> (X, p)', x="3,4", free=""),
    Case("i = Constant <value = int64 {1}> () Y = Gather(X, i)"),
    Case("i = Constant <value_ints = [2, 0, -2]> () Y = Gather <axis = 1> (X, i)"),
    Case("i = Constant <value_ints = [0, 0, 1, 0]> () Y = Gather <axis = -1> (X, i)", x="2,3,4"),
    Case("i = Constant <value = int64[2, 2] {3, 1, 1, 0}> () Y = Gather <axis = 1> (X, i)", x="2,4,3"),
    Case("i = Constant <value = int64[12] {0,0,0,0,0,0,0,0,0,0,0,0}> () Y = Gather <axis = 1> (X, i)", x="2,30"),
    # --- picking and surrounding, where only the run tells where ---
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
    # --- normalisation ---
    Case(
        "m = Constant <value = T_[4] {0.1, -0.2, 0.3, 0.0}> () v = Constant <value = T_[4] {0.5, 1.0, 2.0, 0.7}> () "
        "Y = BatchNormalization <epsilon = 0.01> (X, B, C, m, v)",
        x=IMAGE,
        b="4",
        c="4",
        free="X",
    ),
    Case("Y = LayerNormalization(X, B, C)", x="2,3,4", b="4", c="4", free="X", opsets=(17, 23)),
    Case("Y = LayerNormalization <axis = 1> (X, B)", x="2,3,4", b="3,4", free="X", opsets=(17, 23)),
    Case("Y = InstanceNormalization(X, B, C)", x=IMAGE, b="4", c="4", free="X"),
    Case("Y = Softmax(X)"),
    Case("Y = Softmax <axis = 1> (X)", x="2,3,4"),
    Case("Y = LogSoftmax <axis = 0> (X)"),
    # --- the engine: a value used twice, and branches that the gradient must not enter ---
    Case("e = Exp(X) s = Sigmoid(e) m = Mul(e, X) Y = Add(m, s)"),
    Case("e = Floor(B) Y = Mul(X, e)", b="2,3", wrt="X"),
    Case("s = Shape(X) e = Exp(X) Y = Reshape(e, s)", opsets=(15, 23)),  # ONNX infers nothing from older Shape
]
