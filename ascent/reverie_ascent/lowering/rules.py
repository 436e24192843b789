"""The table of operators that can compute on rows, with a rule for each.

``why_not`` checks a node by its attributes, shapes and constants, and returns the reason if it has no form on rows.
``emit`` writes that form, from inputs that are on rows already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import constant, dims
from reverie_ascent.lowering.layout import pooled, row_major
from reverie_ascent.lowering.rows import Doubled, OnRows, Rows, in_layout, quartered, spread, with_zeros
from reverie_ascent.lowering.tiling import Tiles
from reverie_ascent.lowering.winograd import convolve


@dataclass(frozen=True)
class Rule:
    """The form of an operator on rows.

    ``why_not`` returns None if the rule applies to a node, or else a sentence. ``emit`` gets the node's inputs, with
    None for each constant; a plain value that it returns is [N, C, H, W].
    """

    why_not: Callable[[ir.Node], str | None]
    emit: Callable[[Builder, ir.Node, Sequence[OnRows | None], Tiles], Sequence[OnRows | ir.Value]]


def lowerable(node: ir.Node) -> bool:
    """Return whether a node can compute on rows."""
    return why_not(node) is None


def why_not(node: ir.Node) -> str | None:
    """Return why a node cannot compute on rows, or None if it can."""
    if node.domain or node.op_type not in RULES:
        return "there is no rule for this operator"
    for value in node.outputs:
        shape = dims(value)
        if shape is None:
            return "the size of its result is open"
        if len(shape) != 4:
            return f"its result has {len(shape)} axes, and rows are made of [N, C, H, W]"
    return RULES[node.op_type].why_not(node)


def moving(node: ir.Node) -> list[ir.Value]:
    """Return the inputs that a lowerable node would read as rows."""
    return [v for v in node.inputs if v is not None and _moves(v)]


def _moves(value: ir.Value) -> bool:
    return len(dims(value) or ()) == 4 and not value.is_initializer() and not _from_constants(value)


def _from_constants(value: ir.Value) -> bool:
    """Return whether a value is a constant, possibly flipped and transposed like a backward convolution's kernel."""
    node = value.producer()
    while node is not None and node.op_type in ("Transpose", "Slice", "Reshape") and node.inputs[0] is not None:
        if not all(v is None or v.is_initializer() for v in node.inputs[1:]):
            return False
        value = node.inputs[0]
        node = value.producer()
    return value.is_initializer()


RequiredAttributes: TypeAlias = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""For each attribute of an operator its default and the required value."""


def _differing(node: ir.Node, attributes: RequiredAttributes) -> str | None:
    """Return a sentence about the first attribute that does not have the required value, or None."""
    for name, (default, required) in attributes.items():
        value = tuple(node.attributes.get_ints(name, default))
        if value != required:
            return f"its {name} is {list(value)}, not {list(required)}"
    return None


# ----- convolutions -----


NARROW = 8
"""A convolution to fewer channels is narrow: Winograd's transforms would cost more than its products."""


def is_winograd(node: ir.Node) -> bool:
    """Return whether a node is a convolution that Winograd's products can compute."""
    return _is_convolution(node, 3) and not is_narrow(node)


def is_pointwise(node: ir.Node) -> bool:
    """Return whether a node is a 1 x 1 convolution: one matrix product of rows."""
    return _is_convolution(node, 1)


def is_narrow(node: ir.Node) -> bool:
    """Return whether a node is a 3 x 3 convolution to a few channels, such as the last one of the gradient.

    It reads rows and returns [N, C, H, W]: one matrix product computes the contributions of all taps, which are then
    shifted and summed.
    """
    return _is_convolution(node, 3) and (dims(node.outputs[0]) or (0, NARROW))[1] < NARROW


def _is_convolution(node: ir.Node, kernel: int) -> bool:
    if node.op_type != "Conv" or node.inputs[1] is None:
        return False
    return (dims(node.inputs[1]) or ())[2:] == (kernel, kernel) and _why_no_convolution(node) is None


def _why_no_convolution(node: ir.Node) -> str | None:
    kernel = (dims(node.inputs[1]) or ())[2:]
    if kernel not in ((3, 3), (1, 1)):
        return f"its kernel is {' x '.join(map(str, kernel)) or 'open'}, and 3 x 3 and 1 x 1 have a form"
    assert node.inputs[1] is not None
    if not _from_constants(node.inputs[1]):
        return "its kernel is not a constant"
    if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return "its padding is automatic"
    groups = node.attributes.get_int("group", 1)
    if groups != 1:
        return f"it has {groups} groups"
    pads = (kernel[0] // 2,) * 4
    return _differing(node, {"strides": ((1, 1), (1, 1)), "dilations": ((1, 1), (1, 1)), "pads": ((0,) * 4, pads)})


def _convolution(
    w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles
) -> Sequence[OnRows | ir.Value]:
    weight = node.inputs[1]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    shape = dims(node.outputs[0])
    assert weight is not None
    assert shape is not None
    (x, *_) = inputs
    assert x is not None
    if is_narrow(node):
        return [_narrow(w, x, weight, bias, shape)]
    if is_pointwise(node):
        rows = x if isinstance(x, Rows) else x.half
        matrix = w.op("Transpose", [w.reshape(weight, shape[1], rows.channels)], perm=[1, 0])
        value = w.op("MatMul", [rows.value, matrix])
        if bias is not None:
            value = w.op("Add", [value, bias])
        product = Rows(value, rows.layout, shape[1], rows.clean and bias is None)
        return [product if isinstance(x, Rows) else Doubled(product)]
    n, _, height, width = shape
    tiling = tiles.cut(n, height, width)
    rows = x if isinstance(x, Rows) else in_layout(w, x, tiling.layout)
    source, zero = with_zeros(w, rows)
    value = convolve(w, source, rows.layout, zero, tiling, weight, bias)
    return [Rows(value, tiling.layout, shape[1], clean=True)]


def _narrow(w: Builder, x: OnRows, weight: ir.Value, bias: ir.Value | None, shape: tuple[int, ...]) -> ir.Value:
    n, outputs, height, width = shape
    rows = in_layout(w, x, row_major(n, height, width))
    matrix = w.reshape(w.op("Transpose", [weight], perm=[2, 3, 0, 1]), 9 * outputs, rows.channels)
    turned = w.op("Transpose", [w.reshape(rows.value, n, height * width, rows.channels)], perm=[0, 2, 1])
    taps = w.reshape(w.op("MatMul", [matrix, turned]), n, 9 * outputs, height, width)
    bordered = w.op("Pad", [taps, w.integers(0, 0, 1, 1, 0, 0, 1, 1)])
    views = []
    for down, across in product(range(3), repeat=2):
        first = (3 * down + across) * outputs
        begin, end = w.integers(first, down, across), w.integers(first + outputs, down + height, across + width)
        views.append(w.op("Slice", [bordered, begin, end, w.integers(1, 2, 3)]))
    total = w.op("Sum", views)
    return total if bias is None else w.op("Add", [total, w.reshape(bias, outputs, 1, 1)])


# ----- elementwise, one input -----


def _one(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    (x, *rest) = inputs
    assert x is not None
    assert not any(rest)
    rows = x.half if isinstance(x, Doubled) else x
    attributes = {name: a.value for name, a in node.attributes.items()}
    value = w.op(node.op_type, [rows.value, *node.inputs[1:]], **attributes)
    keeps = node.op_type in KEEP_ZERO or (node.op_type == "HardSigmoid" and node.attributes.get_float("beta", 0.5) <= 0)
    result = Rows(value, rows.layout, rows.channels, rows.clean and keeps)
    return [Doubled(result) if isinstance(x, Doubled) else result]


KEEP_ZERO = {"Abs", "Elu", "Erf", "HardSwish", "LeakyRelu", "Neg", "Relu", "Selu", "Sign", "Sqrt", "Tanh"}
ONE = {*KEEP_ZERO, "Exp", "HardSigmoid", "Sigmoid", "Softplus"}

# ----- elementwise, two inputs -----


def _why_no_pair(node: ir.Node) -> str | None:
    whole = dims(node.outputs[0])
    assert whole is not None
    for value in node.inputs:
        if dims(value) != whole and not _per_channel(value, whole[1]):
            return f"an input of shape {dims(value)} has not the result's shape and is not a constant per channel"
    return None if moving(node) else "it reads only constants"


def _per_channel(value: ir.Value | None, channels: int) -> bool:
    """Return whether a value is a constant with one number for each channel, or one for all channels."""
    shape = dims(value)
    if value is None or shape is None or not value.is_initializer():
        return False
    return np.prod(shape) == 1 or (len(shape) in (3, 4) and shape[-3:] == (channels, 1, 1) and shape[:-3] in ((), (1,)))


def _two(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    operands = [x for x in inputs if x is not None]
    if len(operands) < len(inputs):
        return [_with_numbers(w, node, inputs)]
    total, *more = operands
    # The tiled layout is preferred because the following nodes most likely need it.
    tiled_first = not all(is_narrow(user) for user in node.outputs[0].consumers())
    for x in more:
        total = _pair(w, "Add" if node.op_type == "Sum" else node.op_type, total, x, tiled_first=tiled_first)
    return [total]


def _pair(w: Builder, op_type: str, a: OnRows, b: OnRows, *, tiled_first: bool) -> OnRows:
    if isinstance(a, Doubled) and isinstance(b, Doubled):
        both = _pair(w, op_type, a.half, b.half, tiled_first=tiled_first)
        assert isinstance(both, Rows)
        return Doubled(both)
    wide = a if isinstance(a, Rows) else b
    assert isinstance(wide, Rows)
    if isinstance(a, Doubled) or isinstance(b, Doubled):
        half = a.half if isinstance(a, Doubled) else b.half  # type: ignore[union-attr]
        stretched = spread(w, half, wide.layout)
        if stretched is not None:
            squares = quartered(w, wide)
            pair = [stretched, squares] if isinstance(a, Doubled) else [squares, stretched]
            value = w.reshape(w.op(op_type, pair), wide.layout.rows, wide.channels)
            return Rows(value, wide.layout, wide.channels, _keeps(op_type, wide.clean, half.clean))
    layouts = [x.layout for x in (a, b) if isinstance(x, Rows)]
    layout = next((each for each in layouts if bool(each.blocks) == tiled_first), layouts[0])
    one, other = in_layout(w, a, layout), in_layout(w, b, layout)
    value = w.op(op_type, [one.value, other.value])
    return Rows(value, layout, wide.channels, _keeps(op_type, one.clean, other.clean))


def _keeps(op_type: str, a: bool, b: bool) -> bool:
    """Return whether spare rows stay zero, given which operands have zeros there.

    For a product one operand is enough, because the other one, a mask, is finite.
    """
    return (a or b) if op_type == "Mul" else (a and b and op_type != "Div")


def _with_numbers(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None]) -> OnRows:
    """Compute an operator on rows if one operand is a constant per channel."""
    (x,) = (x for x in inputs if x is not None)
    rows = x.half if isinstance(x, Doubled) else x
    operands = []
    for value, on_rows in zip(node.inputs, inputs, strict=True):
        assert value is not None
        size = int(np.prod(dims(value) or ()))
        operands.append(rows.value if on_rows is not None else w.reshape(value, *((1, size) if size > 1 else ())))
    first = inputs[0] is not None
    clean = rows.clean and (node.op_type == "Mul" or (node.op_type == "Div" and first))
    result = Rows(w.op(node.op_type, operands), rows.layout, rows.channels, clean)
    return Doubled(result) if isinstance(x, Doubled) else result


# ----- normalisation in inference -----


def _why_no_normalisation(node: ir.Node) -> str | None:
    return (
        None if all(constant(v) is not None for v in node.inputs[1:]) else "its scale or shift is not a small constant"
    )


def _normalisation(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    x = inputs[0]
    assert x is not None
    rows = x.half if isinstance(x, Doubled) else x
    scale, bias, mean, variance = (np.asarray(constant(v), np.float64) for v in node.inputs[1:])
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    shift = bias - mean * factor
    value = rows.value
    if np.all(factor == -1):
        value = w.op("Neg", [value])
    elif np.any(factor != 1):
        value = w.op("Mul", [value, w.floats(factor[None])])
    if np.any(shift):
        value = w.op("Add", [value, w.floats(shift[None])])
    result = Rows(value, rows.layout, rows.channels, rows.clean and not np.any(shift))
    return [Doubled(result) if isinstance(x, Doubled) else result]


# ----- pools of 2 x 2, and their gradient -----


def _why_no_pool(node: ir.Node) -> str | None:
    if len(node.outputs) > 1:
        return "it returns indices too"
    if node.attributes.get_int("ceil_mode", 0):
        return "it rounds sizes up"
    if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return "its padding is automatic"
    return _differing(node, POOL)


POOL: RequiredAttributes = {
    "kernel_shape": ((), (2, 2)),
    "strides": ((1, 1), (2, 2)),
    "pads": ((0,) * 4, (0,) * 4),
    "dilations": ((1, 1), (1, 1)),
}


def _pool(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    reduce = {"MaxPool": "ReduceMax", "AveragePool": "ReduceMean"}[node.op_type]
    x = inputs[0]
    assert x is not None
    if isinstance(x, Rows) and x.layout.blocks is not None and x.layout.blocks.side % 2 == 0:
        rows = x
    else:
        n, _, height, width = dims(node.inputs[0]) or ()
        tiling = tiles.cut(n, height, width)
        rows = in_layout(w, x, tiling.layout)
    layout = pooled(rows.layout)
    squares = quartered(w, rows)
    value = w.op(reduce, [w.op(reduce, [squares, w.integers(1)], keepdims=0), w.integers(2)], keepdims=0)
    return [Rows(w.reshape(value, layout.rows, rows.channels), layout, rows.channels, rows.clean)]


def _why_no_resize(node: ir.Node) -> str | None:
    scales = constant(node.inputs[2]) if len(node.inputs) == 3 else None
    if scales is None:
        return "its scales are not a constant"
    if scales.tolist() != [1, 1, 2, 2]:
        return f"scales {scales.tolist()} are not [1, 1, 2, 2]"
    for name, (default, required) in RESIZE.items():
        if node.attributes.get_string(name, default) != required:
            return f"{name} {node.attributes.get_string(name, default)} is not {required}"
    return None


RESIZE: Mapping[str, tuple[str, str]] = {
    "mode": ("nearest", "nearest"),
    "coordinate_transformation_mode": ("half_pixel", "asymmetric"),
    "nearest_mode": ("round_prefer_floor", "floor"),
}
"""For each attribute of an enlargement its default and the required value."""


def _resize(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    x = inputs[0]
    assert x is not None
    if isinstance(x, Rows):
        return [Doubled(x)]
    n, _, height, width = dims(node.inputs[0]) or ()
    tiling = tiles.cut(n, height, width)
    return [Doubled(in_layout(w, x, tiling.layout))]


# ----- concatenating and slicing channels -----


def _why_no_concat(node: ir.Node) -> str | None:
    if node.attributes.get_int("axis", 0) != 1:
        return "it joins along another axis than the channels"
    return None if len(moving(node)) == len(node.inputs) else "one of its inputs is a constant"


def _concat(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    operands = [x for x in inputs if x is not None]
    if all(isinstance(x, Doubled) for x in operands):
        return [Doubled(_concatenated(w, [x.half for x in operands if isinstance(x, Doubled)]))]
    return [_concatenated(w, operands)]


def _concatenated(w: Builder, operands: Sequence[OnRows]) -> Rows:
    layouts = [x.layout for x in operands if isinstance(x, Rows)]
    layout = next((each for each in layouts if each.blocks), layouts[0])
    parts = [in_layout(w, x, layout) for x in operands]
    value = w.op("Concat", [part.value for part in parts], axis=1)
    return Rows(value, layout, sum(part.channels for part in parts), all(part.clean for part in parts))


def _why_no_slice(node: ir.Node) -> str | None:
    axes = constant(node.inputs[3]) if len(node.inputs) > 3 else None
    return None if axes is not None and axes.tolist() in ([1], [-3]) else "it cuts along another axis than the channels"


def _slice(w: Builder, node: ir.Node, inputs: Sequence[OnRows | None], tiles: Tiles) -> Sequence[OnRows]:
    x = inputs[0]
    assert x is not None
    rows = x.half if isinstance(x, Doubled) else x
    value = w.op("Slice", [rows.value, *node.inputs[1:3], w.integers(1), *node.inputs[4:]])
    shape = dims(node.outputs[0])
    assert shape is not None
    result = Rows(value, rows.layout, shape[1], rows.clean)
    return [Doubled(result) if isinstance(x, Doubled) else result]


# ----- the table -----


def _why_no_elementwise(node: ir.Node) -> str | None:
    return None  # every elementwise operator has a form


RULES: dict[str, Rule] = {
    "Conv": Rule(_why_no_convolution, _convolution),
    "BatchNormalization": Rule(_why_no_normalisation, _normalisation),
    "MaxPool": Rule(_why_no_pool, _pool),
    "AveragePool": Rule(_why_no_pool, _pool),
    "Resize": Rule(_why_no_resize, _resize),
    "Concat": Rule(_why_no_concat, _concat),
    "Slice": Rule(_why_no_slice, _slice),
    **dict.fromkeys(ONE, Rule(_why_no_elementwise, _one)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"), Rule(_why_no_pair, _two)),
}
