"""Operators whose definition has changed since opset 7: small networks in old and new forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

NEWEST = onnx.defs.onnx_opset_version()
SHAPE = (1, 3, 6, 6)  # of the picture `x`
HEAD = '<ir_version: {ir}, opset_import: ["": {opset}]> net (float[1,3,6,6] x) => (float y)'


@dataclass(frozen=True)
class Age:
    """A network of an opset: lines of ONNX's text form, from the picture ``x`` to ``y``, and its constants."""

    opset: int
    body: str
    constants: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> onnx.ModelProto:
        """Return the model in the form of its opset."""
        ir_version = helper.find_min_ir_version_for([helper.make_opsetid("", self.opset)])
        model = onnx.parser.parse_model(HEAD.format(ir=max(ir_version, 4), opset=self.opset) + f"{{ {self.body} }}")
        for name, numbers in self.constants.items():
            array = np.asarray(numbers)
            array = array.astype(np.float32) if array.dtype == np.float64 else array
            model.graph.initializer.append(numpy_helper.from_array(array, name))
        return model


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape, np.float32) + 0.25


_FOUR = {"s": _numbers(3), "t": _numbers(3), "m": _numbers(3), "v": _numbers(3)}
_KERNEL = {"w": _numbers(4, 3, 3, 3) - 0.75}
_BOXES = {"boxes": [[0.5, 0.5, 4.5, 4.0], [1.0, 0.0, 5.0, 5.0]], "of": [0, 0]}

# Each with the last opset before a change, by the operator and its old form.
OLD = {
    "AveragePool that counts its rim": Age(
        7, "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1> (x)"
    ),
    "AveragePool that rounds up": Age(
        10, "y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (x)"
    ),
    "AveragePool with SAME_LOWER": Age(
        7, 'y = AveragePool <kernel_shape = [4, 4], strides = [2, 2], auto_pad = "SAME_LOWER"> (x)'
    ),
    "BatchNormalization, spatial": Age(
        7, "y = BatchNormalization <spatial = 1, momentum = 0.5> (x, s, t, m, v)", _FOUR
    ),
    "BatchNormalization without positions": Age(
        7, "a = GlobalMaxPool (x)  b = Flatten (a)  y = BatchNormalization <spatial = 0> (b, s, t, m, v)", _FOUR
    ),
    "BatchNormalization 9": Age(9, "y = BatchNormalization (x, s, t, m, v)", _FOUR),
    "BatchNormalization 13": Age(13, "y = BatchNormalization (x, s, t, m, v)", _FOUR),
    "BatchNormalization 14": Age(14, "y = BatchNormalization <training_mode = 0> (x, s, t, m, v)", _FOUR),
    "Cast": Age(8, "a = Cast <to = 6> (x)  y = Cast <to = 1> (a)"),
    "Clip by attributes": Age(10, "y = Clip <min = 0.25, max = 0.75> (x)"),
    "Clip by one attribute": Age(7, "y = Clip <max = 0.5> (x)"),
    "Clip by nothing": Age(7, "y = Clip (x)"),
    "Clip by inputs": Age(11, "y = Clip (x, low, high)", {"low": 0.25, "high": 0.75}),
    "Concat": Age(10, "y = Concat <axis = 1> (x, x)"),
    "ConvTranspose with an output's shape": Age(
        7, "y = ConvTranspose <strides = [2, 2], output_shape = [12, 12]> (x, w)", {"w": _numbers(3, 2, 3, 3)}
    ),
    "Conv with SAME_UPPER": Age(7, 'y = Conv <strides = [2, 2], auto_pad = "SAME_UPPER"> (x, w)', _KERNEL),
    "CumSum": Age(11, "y = CumSum (x, axis)", {"axis": np.array(1)}),
    "DepthToSpace": Age(
        10, "a = Concat <axis = 1> (x, x)  b = Concat <axis = 1> (a, a)  y = DepthToSpace <blocksize = 2> (b)"
    ),
    "Dropout 7": Age(7, "y = Dropout <ratio = 0.25> (x)"),
    "Dropout 10": Age(10, "y, mask = Dropout <ratio = 0.25> (x)"),
    "Dropout 12": Age(12, "y = Dropout (x, ratio)", {"ratio": 0.5}),
    "Flatten": Age(7, "y = Flatten <axis = 2> (x)"),
    "Gather": Age(10, "y = Gather <axis = 2> (x, of)", {"of": [3, 1]}),
    "GatherND": Age(11, "y = GatherND (x, of)", {"of": [[0, 1], [0, 2]]}),
    "Gemm": Age(
        7,
        "a = Flatten (x)  y = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (a, w, c)",
        {"w": _numbers(5, 108), "c": _numbers(5)},
    ),
    "Hardmax": Age(11, "y = Hardmax (x)"),
    "Hardmax along channels": Age(12, "y = Hardmax <axis = 2> (x)"),
    **{
        name: Age(
            13,
            f"a = Squeeze (x, front)  b = {name} <hidden_size = 2> (a, w, r)  y = Tanh (b)",
            {"front": [0], "w": _numbers(1, 2 * gates, 6) - 0.75, "r": _numbers(1, 2 * gates, 2) - 0.75},
        )
        for name, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4))
    },
    "InstanceNormalization": Age(7, "y = InstanceNormalization (x, s, t)", {"s": _numbers(3), "t": _numbers(3)}),
    "LRN": Age(7, "y = LRN <size = 3, alpha = 0.5> (x)"),
    "LeakyRelu": Age(7, "a = Neg (x)  y = LeakyRelu <alpha = 0.3> (a)"),
    "LogSoftmax": Age(7, "y = LogSoftmax (x)"),
    "LogSoftmax with an axis": Age(12, "y = LogSoftmax <axis = 3> (x)"),
    "LpPool": Age(7, "y = LpPool <kernel_shape = [2, 2], p = 3> (x)"),
    "LpPool with SAME_UPPER": Age(11, 'y = LpPool <kernel_shape = [3, 3], auto_pad = "SAME_UPPER"> (x)'),
    "LpPool with pads": Age(17, "y = LpPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]> (x)"),
    "Max, Min, Mean and Sum": Age(
        7, "a = Max (x, h)  b = Min (x, h)  c = Sum (a, b, b)  y = Mean (c, x)", {"h": _numbers(*SHAPE)}
    ),
    "MaxPool": Age(7, "y = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]> (x)"),
    "MaxPool 8": Age(8, "y = MaxPool <kernel_shape = [2, 2], storage_order = 0> (x)"),
    "MaxPool that rounds up": Age(10, "y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (x)"),
    "MeanVarianceNormalization": Age(9, "y = MeanVarianceNormalization (x)"),
    "MeanVarianceNormalization over axes": Age(12, "y = MeanVarianceNormalization <axes = [2, 3]> (x)"),
    "PRelu": Age(7, "a = Neg (x)  y = PRelu (a, s)", {"s": _numbers(3, 1, 1)}),
    "Pad by attributes": Age(10, "y = Pad <pads = [0, 0, 1, 2, 0, 0, 2, 1], value = 0.5> (x)"),
    "Pad by reflection": Age(7, 'y = Pad <mode = "reflect", pads = [0, 0, 1, 2, 0, 0, 2, 1]> (x)'),
    "Pad by inputs": Age(11, "y = Pad (x, rim, value)", {"rim": [0, 0, 1, 0, 0, 0, 0, 1], "value": 0.5}),
    "Pow": Age(11, "y = Pow (x, e)", {"e": 1.5}),
    "Pow of two types": Age(12, "y = Pow (x, e)", {"e": 2}),
    "Resize 10, nearest, up": Age(10, "y = Resize (x, zoom)", {"zoom": [1.0, 1.0, 2.0, 2.0]}),
    "Resize 10, nearest, by halves": Age(10, "y = Resize (x, zoom)", {"zoom": [1.0, 1.0, 1.5, 1.5]}),
    "Resize 10, nearest, down": Age(10, "y = Resize (x, zoom)", {"zoom": [1.0, 1.0, 0.5, 0.5]}),
    "Resize 10, nearest, to a third": Age(10, "y = Resize (x, zoom)", {"zoom": [1.0, 1.0, 1 / 3, 1 / 3]}),
    "Resize 10, nearest, by three quarters": Age(10, "y = Resize (x, zoom)", {"zoom": [1.0, 1.0, 0.75, 0.75]}),
    "Resize 10, nearest, before a Softmax": Age(
        10, "a = Resize (x, zoom)  y = Softmax (a)", {"zoom": [1.0, 1.0, 2.0, 2.0]}
    ),
    "Resize 10, linear, up": Age(10, 'y = Resize <mode = "linear"> (x, zoom)', {"zoom": [1.0, 1.0, 2.0, 2.0]}),
    "Resize 10, linear, down": Age(10, 'y = Resize <mode = "linear"> (x, zoom)', {"zoom": [1.0, 1.0, 0.5, 0.5]}),
    "Resize 11, aligned": Age(
        11,
        'y = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> (x, roi, zoom)',
        {"roi": np.zeros(0, np.float32), "zoom": [1.0, 1.0, 2.0, 2.0]},
    ),
    "Resize 11, nearest": Age(
        11,
        'y = Resize <nearest_mode = "floor", coordinate_transformation_mode = "asymmetric"> (x, roi, zoom)',
        {"roi": np.zeros(0, np.float32), "zoom": [1.0, 1.0, 1.5, 1.5]},
    ),
    "Resize 11, as TensorFlow does": Age(
        11,
        'y = Resize <nearest_mode = "floor", coordinate_transformation_mode = "tf_half_pixel_for_nn"> (x, roi, zoom)',
        {"roi": np.zeros(0, np.float32), "zoom": [1.0, 1.0, 1.5, 1.5]},
    ),
    "Resize 13, cubic, to sizes": Age(
        13,
        'y = Resize <mode = "cubic", cubic_coeff_a = -0.5, exclude_outside = 1> (x, , , to)',
        {"to": [1, 3, 9, 4]},
    ),
    "Resize 17": Age(17, 'y = Resize <mode = "linear"> (x, , zoom)', {"zoom": [1.0, 1.0, 1.5, 0.5]}),
    "RoiAlign": Age(
        10, "y = RoiAlign <output_height = 3, output_width = 2, sampling_ratio = 2> (x, boxes, of)", _BOXES
    ),
    "RoiAlign 15": Age(
        15,
        'y = RoiAlign <mode = "max", output_height = 3, output_width = 2, sampling_ratio = 2> (x, boxes, of)',
        _BOXES,
    ),
    "Scatter": Age(
        9, "y = Scatter <axis = 3> (x, of, u)", {"of": np.array([[[[1, 4]]]]), "u": np.array([[[[5.0, 7.0]]]])}
    ),
    "ScatterElements": Age(
        11, "y = ScatterElements <axis = 3> (x, of, u)", {"of": np.array([[[[1, 4]]]]), "u": np.array([[[[5.0, 7.0]]]])}
    ),
    "ScatterND": Age(13, "y = ScatterND (x, of, u)", {"of": np.array([[0, 1]]), "u": _numbers(1, 6, 6)}),
    "Slice by attributes": Age(7, "y = Slice <axes = [2, 3], starts = [1, -4], ends = [9, -1]> (x)"),
    "Slice without axes": Age(9, "y = Slice <starts = [0, 1], ends = [1, 3]> (x)"),
    "Slice by inputs": Age(
        10, "y = Slice (x, from, to, axes, steps)", {"from": [5, 0], "to": [0, 9], "axes": [2, 3], "steps": [-2, 2]}
    ),
    "Softmax": Age(7, "y = Softmax (x)"),
    "Softmax along channels": Age(12, "y = Softmax <axis = 1> (x)"),
    "Softmax from an axis": Age(11, "y = Softmax <axis = 2> (x)"),
    "Softmax from the end": Age(11, "y = Softmax <axis = -2> (x)"),
    "Softmax of rows": Age(7, "a = Flatten (x)  y = Softmax (a)"),
    "Split": Age(7, "a, b = Split <axis = 3> (x)  y = Sub (a, b)"),
    "Split in parts": Age(12, "a, b = Split <axis = 3, split = [4, 2]> (x)  y = Concat <axis = 3> (b, a)"),
    "Split 13": Age(13, "a, b, c = Split <axis = 1> (x)  d = Sub (a, b)  y = Mul (d, c)"),
    "Split 17": Age(17, "a, b = Split <axis = 2> (x, parts)  y = Concat <axis = 2> (b, a)", {"parts": [5, 1]}),
    "Squeeze and Unsqueeze": Age(7, "a = Squeeze <axes = [0]> (x)  y = Unsqueeze <axes = [1, 2]> (a)"),
    "Squeeze of all": Age(12, "y = Squeeze (x)"),
    "ReduceSum": Age(12, "y = ReduceSum <axes = [2, -1], keepdims = 0> (x)"),
    "ReduceSum of all": Age(7, "y = ReduceSum (x)"),
    **{
        f"{name} {opset}": Age(opset, f"y = {name} <axes = [1], keepdims = 0> (x)")
        for opset in (7, 12, 17)
        for name in (
            "ReduceL1",
            "ReduceL2",
            "ReduceLogSum",
            "ReduceLogSumExp",
            "ReduceMax",
            "ReduceMean",
            "ReduceMin",
            "ReduceProd",
            "ReduceSumSquare",
        )
    },
    "ReduceMean of all": Age(17, "y = ReduceMean (x)"),
    "TopK": Age(7, "y, of = TopK <axis = 1, k = 2> (x)"),
    "TopK by an input": Age(10, "y, of = TopK <axis = 2> (x, k)", {"k": [3]}),
    "Upsample 7, nearest": Age(7, "y = Upsample <scales = [1.0, 1.0, 2.0, 2.0]> (x)"),
    "Upsample 7, nearest, by halves": Age(7, 'y = Upsample <mode = "nearest", scales = [1.0, 1.0, 1.5, 2.5]> (x)'),
    "Upsample 7, linear": Age(7, 'y = Upsample <mode = "linear", scales = [1.0, 1.0, 2.0, 3.0]> (x)'),
    "Upsample 9, nearest": Age(9, "y = Upsample (x, zoom)", {"zoom": [1.0, 1.0, 1.5, 2.0]}),
    "Upsample 9, linear": Age(9, 'y = Upsample <mode = "linear"> (x, zoom)', {"zoom": [1.0, 1.0, 1.5, 2.0]}),
    "Where": Age(9, "a = Greater (x, h)  y = Where (a, x, h)", {"h": 0.5}),
    "OneHot": Age(
        10,
        "a = ArgMax <axis = 1, keepdims = 0> (x)  y = OneHot <axis = 1> (a, depth, values)",
        {"depth": 3, "values": [0.0, 2.0]},
    ),
    "ArgMin": Age(7, "a = ArgMin <axis = 3> (x)  y = Cast <to = 1> (a)"),
    "Mod": Age(10, "y = Mod <fmod = 1> (x, h)", {"h": 0.375}),
    "Reshape": Age(13, "y = Reshape (x, to)", {"to": [0, -1]}),
    "Shape": Age(14, "a = Shape (x)  y = Cast <to = 1> (a)"),
    "Expand, Tile": Age(12, "a = Expand (x, to)  y = Tile (a, more)", {"to": [2, 3, 6, 6], "more": [1, 2, 1, 1]}),
    "GridSample": Age(
        16, 'y = GridSample <mode = "bicubic", align_corners = 1> (x, at)', {"at": _numbers(1, 4, 5, 2) - 0.75}
    ),
    "Celu": Age(12, "a = Neg (x)  y = Celu <alpha = 2.0> (a)"),
    "Einsum": Age(12, 'y = Einsum <equation = "nchw,nchw->nhw"> (x, x)'),
    "If": Age(
        10,
        "a = Cast <to = 9> (one)  y = If (a) <then_branch = t () => (float[1,3,6,6] p) { p = Softmax (x) },"
        " else_branch = e () => (float[1,3,6,6] q) { q = Neg (x) }>",
        {"one": 1.0},
    ),
    "Upsample in an If": Age(
        9,
        "a = Cast <to = 9> (one)  y = If (a) <then_branch = t () => (float p) {"
        ' p = Upsample <mode = "linear"> (x, zoom) }, else_branch = e () => (float q) { q = Neg (x) }>',
        {"one": 1.0, "zoom": [1.0, 1.0, 2.0, 2.0]},
    ),
}

_NORM = {"each": _numbers(3), "row": _numbers(6)}

# Each of the newest opset that says something in its own way, and all of it can be said in opset 18.
NEW = {
    "AveragePool with dilations of one": Age(
        19, "y = AveragePool <kernel_shape = [3, 3], dilations = [1, 1], pads = [1, 1, 1, 1]> (x)"
    ),
    "Cast": Age(24, "a = Cast <to = 6, saturate = 1> (x)  y = Cast <to = 1> (a)"),
    "CastLike": Age(24, "a = CastLike <saturate = 1> (h, x)  y = Mul (a, x)", {"h": np.array(3)}),
    "Constant": Age(25, "h = Constant <value_floats = [0.5]> ()  y = Mul (h, x)"),
    "ConstantOfShape": Age(25, "a = ConstantOfShape (size)  y = Sub (x, a)", {"size": [3, 6, 6]}),
    "DFT": Age(20, "a = Unsqueeze (x, last)  y = DFT (a, , axis)", {"last": [4], "axis": np.array(2)}),
    "DFT along its usual axis": Age(20, "a = Unsqueeze (x, last)  y = DFT (a)", {"last": [4]}),
    "Dropout": Age(22, "y = Dropout (x, ratio)", {"ratio": 0.5}),
    "Gelu": Age(20, 'y = Gelu <approximate = "tanh"> (x)'),
    "GlobalMaxPool": Age(22, "y = GlobalMaxPool (x)"),
    "GridSample": Age(20, 'y = GridSample <mode = "cubic"> (x, at)', {"at": _numbers(1, 4, 5, 2) - 0.75}),
    "GridSample, as it was said": Age(20, "y = GridSample (x, at)", {"at": _numbers(1, 4, 5, 2) - 0.75}),
    "GroupNormalization": Age(21, "y = GroupNormalization <num_groups = 1> (x, each, each)", _NORM),
    "IsNaN": Age(20, "a = IsNaN (x)  b = IsInf (x)  c = Or (a, b)  y = Where (c, h, x)", {"h": 0.5}),
    "LpPool": Age(22, "y = LpPool <kernel_shape = [2, 2], dilations = [2, 2]> (x)"),
    "Pad": Age(25, "y = Pad (x, rim, value)", {"rim": [0, 0, 1, 0, 0, 0, 0, 1], "value": 0.5}),
    "RMSNormalization": Age(23, "y = RMSNormalization <axis = 3> (x, row)", _NORM),
    "Range": Age(27, "a = Range (low, high, step)  y = Mul (a, x)", {"low": 0.0, "high": 3.0, "step": 0.5}),
    "Resize": Age(19, 'y = Resize <mode = "linear", antialias = 1> (x, , zoom)', {"zoom": [1.0, 1.0, 0.5, 0.5]}),
    "SpaceToDepth": Age(NEWEST, 'y = SpaceToDepth <blocksize = 2, mode = "DCR"> (x)'),
    "Swish": Age(24, "y = Swish <alpha = 0.5> (x)"),
    "TopK": Age(24, "y, of = TopK <axis = 2> (x, k)", {"k": [3]}),
    "quantised": Age(
        23,
        "a = QuantizeLinear <block_size = 0, output_dtype = 2> (x, grain, zero)"
        "  y = DequantizeLinear <block_size = 0> (a, grain, zero)",
        {"grain": 0.125, "zero": np.array(3, np.uint8)},
    ),
}

# Operators that opset 18 cannot express: the layers after them are left out, with the operator's name.
UNSAYABLE = {
    "AffineGrid": Age(
        20,
        "a = Relu (x)  g = AffineGrid (turn, to)  b = GridSample (a, g)  y = Sigmoid (b)",
        {"turn": [[[0.5, -0.5, 0.0], [0.5, 0.5, 0.0]]], "to": [1, 3, 4, 4]},
    ),
    "AveragePool": Age(19, "a = Relu (x)  y = AveragePool <kernel_shape = [2, 2], dilations = [2, 2]> (a)"),
    "CumProd": Age(26, "a = Relu (x)  b = CumProd (a, axis)  y = Sigmoid (b)", {"axis": np.array(1)}),
    "SpaceToDepth": Age(28, 'a = Relu (x)  b = SpaceToDepth <blocksize = 2, mode = "CRD"> (a)  y = Sigmoid (b)'),
}

_TOKENS = "a = Relu (x)  b = Reshape (a, to)"
_TO = {"to": [1, 3, 36]}

_MEANS = "a = Relu (x)  b = GlobalAveragePool (a)  c = Flatten (b)"
_ONE = {"of": np.array([1])}

# Operators that have no gradient rule, but a definition by others.
FUNCTIONS = {
    "SoftmaxCrossEntropyLoss": Age(13, f"{_MEANS}  d = SoftmaxCrossEntropyLoss (c, of)  y = Mul (a, d)", _ONE),
    "SoftmaxCrossEntropyLoss, when it was new": Age(
        12, f"{_MEANS}  d = SoftmaxCrossEntropyLoss (c, of)  y = Mul (a, d)", _ONE
    ),
    "NegativeLogLikelihoodLoss": Age(17, f"{_MEANS}  d = NegativeLogLikelihoodLoss (c, of)  y = Mul (a, d)", _ONE),
    "CenterCropPad": Age(
        18, "a = Relu (x)  b = CenterCropPad <axes = [2, 3]> (a, to)  y = Sigmoid (b)", {"to": [4, 8]}
    ),
    "Attention": Age(
        23, f"{_TOKENS}  c = Attention <q_num_heads = 3, kv_num_heads = 3> (b, b, b)  y = Sigmoid (c)", _TO
    ),
    "Attention that looks back": Age(
        24,
        f"{_TOKENS}  c = Attention <q_num_heads = 2, kv_num_heads = 2, is_causal = 1> (b, b, b)  y = Sigmoid (c)",
        _TO,
    ),
    "Attention with a cap, as ONNX defines it": Age(
        23,
        f"{_TOKENS}  c = Attention <q_num_heads = 2, kv_num_heads = 2, softcap = 2.0> (b, b, b)  y = Sigmoid (c)",
        _TO,
    ),
    "SwiGLU": Age(28, "a = Relu (x)  y = SwiGLU (a, x)"),
}
