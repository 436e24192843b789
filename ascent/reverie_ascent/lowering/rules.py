"""Which operators can work on rows, and how: a table, an entry for each.

``accepts`` looks at a node alone, its shapes and constants; ``emit`` gets its inputs as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import constant, dims
from reverie_ascent.lowering.layout import pooled, row_major
from reverie_ascent.lowering.rows import Doubled, Held, Rows, in_layout, quartered, spread, with_zeros
from reverie_ascent.lowering.tiling import Tiles
from reverie_ascent.lowering.winograd import convolve


@dataclass(frozen=True)
class Rule:
    """How an operator works on rows.

    ``emit`` gets the node's inputs, None for each that is a constant; what it gives as a plain value is [N, C, H, W].
    """

    accepts: Callable[[ir.Node], bool]
    emit: Callable[[Builder, ir.Node, Sequence[Held | None], Tiles], Sequence[Held | ir.Value]]


def lowerable(node: ir.Node) -> bool:
    """Whether a node can work on rows."""
    if node.domain or node.op_type not in RULES:
        return False
    if any(len(dims(v) or ()) != 4 for v in node.outputs):
        return False
    return RULES[node.op_type].accepts(node)


def moving(node: ir.Node) -> list[ir.Value]:
    """Return the inputs of a lowerable node that would come as rows."""
    return [v for v in node.inputs if v is not None and _moves(v)]


def _moves(value: ir.Value) -> bool:
    return len(dims(value) or ()) == 4 and not value.is_initializer() and not _from_constants(value)


def _from_constants(value: ir.Value) -> bool:
    """Whether a value is a constant, perhaps turned around as the kernel of a way back is."""
    node = value.producer()
    while node is not None and node.op_type in ("Transpose", "Slice", "Reshape") and node.inputs[0] is not None:
        if not all(v is None or v.is_initializer() for v in node.inputs[1:]):
            return False
        value = node.inputs[0]
        node = value.producer()
    return value.is_initializer()


# ----- convolutions -----


NARROW = 8
"""Channels below which a convolution is narrow: Winograd's transforms would cost more than its products."""


def is_winograd(node: ir.Node) -> bool:
    """Whether a node is a convolution that Winograd's products can do."""
    return _is_convolution(node, 3, 1) and not is_narrow(node)


def is_pointwise(node: ir.Node) -> bool:
    """Whether a node is a 1 x 1 convolution: one matrix product of rows."""
    return _is_convolution(node, 1, 0)


def is_narrow(node: ir.Node) -> bool:
    """Whether a node is a 3 x 3 convolution to a few channels, such as the last one on the way back to a picture.

    It takes rows and gives [N, C, H, W]: one product of rows finds what each tap adds, the taps are moved and
    summed.
    """
    return _is_convolution(node, 3, 1) and (dims(node.outputs[0]) or (0, NARROW))[1] < NARROW


def _is_convolution(node: ir.Node, kernel: int, pad: int) -> bool:
    if node.op_type != "Conv" or node.inputs[1] is None:
        return False
    weight = dims(node.inputs[1])
    return (
        weight is not None
        and weight[2:] == (kernel, kernel)
        and _from_constants(node.inputs[1])
        and _ints(node, "strides", (1, 1)) == (1, 1)
        and _ints(node, "dilations", (1, 1)) == (1, 1)
        and _ints(node, "pads", (0,) * 4) == (pad,) * 4
        and node.attributes.get_int("group", 1) == 1
        and node.attributes.get_string("auto_pad", "NOTSET") == "NOTSET"
    )


def _convolution(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held | ir.Value]:
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


def _narrow(w: Builder, x: Held, weight: ir.Value, bias: ir.Value | None, shape: tuple[int, ...]) -> ir.Value:
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


def _one(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
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


def _accepts_two(node: ir.Node) -> bool:
    whole = dims(node.outputs[0])
    assert whole is not None
    return all(dims(v) == whole or _per_channel(v, whole[1]) for v in node.inputs) and bool(moving(node))


def _per_channel(value: ir.Value | None, channels: int) -> bool:
    """Whether a value is a constant number for each channel, or one for all."""
    shape = dims(value)
    if value is None or shape is None or not value.is_initializer():
        return False
    return np.prod(shape) == 1 or (len(shape) in (3, 4) and shape[-3:] == (channels, 1, 1) and shape[:-3] in ((), (1,)))


def _two(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
    held = [x for x in inputs if x is not None]
    if len(held) < len(inputs):
        return [_with_numbers(w, node, inputs)]
    total, *more = held
    # The tiled layout wins, for what comes next will most likely want it.
    tiled_first = not all(is_narrow(user) for user in node.outputs[0].consumers())
    for x in more:
        total = _pair(w, "Add" if node.op_type == "Sum" else node.op_type, total, x, tiled_first=tiled_first)
    return [total]


def _pair(w: Builder, op_type: str, a: Held, b: Held, *, tiled_first: bool) -> Held:
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
    """Whether zeros stay zeros, given whether both operands have them; masks are finite, so one factor is enough."""
    return (a or b) if op_type == "Mul" else (a and b and op_type != "Div")


def _with_numbers(w: Builder, node: ir.Node, inputs: Sequence[Held | None]) -> Held:
    """One operand is a constant per channel."""
    (x,) = (x for x in inputs if x is not None)
    rows = x.half if isinstance(x, Doubled) else x
    operands = []
    for value, held in zip(node.inputs, inputs, strict=True):
        assert value is not None
        size = int(np.prod(dims(value) or ()))
        operands.append(rows.value if held is not None else w.reshape(value, *((1, size) if size > 1 else ())))
    first = inputs[0] is not None
    clean = rows.clean and (node.op_type == "Mul" or (node.op_type == "Div" and first))
    result = Rows(w.op(node.op_type, operands), rows.layout, rows.channels, clean)
    return Doubled(result) if isinstance(x, Doubled) else result


# ----- normalisation in inference -----


def _accepts_normalisation(node: ir.Node) -> bool:
    return all(constant(v) is not None for v in node.inputs[1:])


def _normalisation(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
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


# ----- pools of 2 x 2, and their way back -----


def _accepts_pool(node: ir.Node) -> bool:
    return (
        _ints(node, "kernel_shape", ()) == (2, 2)
        and _ints(node, "strides", (1, 1)) == (2, 2)
        and not any(_ints(node, "pads", (0,) * 4))
        and set(_ints(node, "dilations", (1, 1))) == {1}
        and not node.attributes.get_int("ceil_mode", 0)
        and node.attributes.get_string("auto_pad", "NOTSET") == "NOTSET"
        and len(node.outputs) == 1
    )


def _pool(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
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


def _accepts_resize(node: ir.Node) -> bool:
    scales = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    return (
        len(node.inputs) == 3
        and scales is not None
        and scales.tolist() == [1, 1, 2, 2]
        and node.attributes.get_string("mode", "nearest") == "nearest"
        and node.attributes.get_string("coordinate_transformation_mode", "half_pixel") == "asymmetric"
        and node.attributes.get_string("nearest_mode", "round_prefer_floor") == "floor"
    )


def _resize(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
    x = inputs[0]
    assert x is not None
    if isinstance(x, Rows):
        return [Doubled(x)]
    n, _, height, width = dims(node.inputs[0]) or ()
    tiling = tiles.cut(n, height, width)
    return [Doubled(in_layout(w, x, tiling.layout))]


# ----- channels put together and taken apart -----


def _accepts_concat(node: ir.Node) -> bool:
    return node.attributes.get_int("axis", 0) == 1 and len(moving(node)) == len(node.inputs)


def _concat(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
    held = [x for x in inputs if x is not None]
    if all(isinstance(x, Doubled) for x in held):
        return [Doubled(_beside(w, [x.half for x in held if isinstance(x, Doubled)]))]
    return [_beside(w, held)]


def _beside(w: Builder, held: Sequence[Held]) -> Rows:
    layouts = [x.layout for x in held if isinstance(x, Rows)]
    layout = next((each for each in layouts if each.blocks), layouts[0])
    parts = [in_layout(w, x, layout) for x in held]
    value = w.op("Concat", [part.value for part in parts], axis=1)
    return Rows(value, layout, sum(part.channels for part in parts), all(part.clean for part in parts))


def _accepts_slice(node: ir.Node) -> bool:
    axes = constant(node.inputs[3]) if len(node.inputs) > 3 else None
    return axes is not None and axes.tolist() in ([1], [-3])


def _slice(w: Builder, node: ir.Node, inputs: Sequence[Held | None], tiles: Tiles) -> Sequence[Held]:
    x = inputs[0]
    assert x is not None
    rows = x.half if isinstance(x, Doubled) else x
    value = w.op("Slice", [rows.value, *node.inputs[1:3], w.integers(1), *node.inputs[4:]])
    shape = dims(node.outputs[0])
    assert shape is not None
    result = Rows(value, rows.layout, shape[1], rows.clean)
    return [Doubled(result) if isinstance(x, Doubled) else result]


# ----- the table -----


def _ints(node: ir.Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(node.attributes.get_ints(name, default))


def _always(node: ir.Node) -> bool:
    return True


RULES: dict[str, Rule] = {
    "Conv": Rule(lambda node: _is_convolution(node, 3, 1) or is_pointwise(node), _convolution),
    "BatchNormalization": Rule(_accepts_normalisation, _normalisation),
    "MaxPool": Rule(_accepts_pool, _pool),
    "AveragePool": Rule(_accepts_pool, _pool),
    "Resize": Rule(_accepts_resize, _resize),
    "Concat": Rule(_accepts_concat, _concat),
    "Slice": Rule(_accepts_slice, _slice),
    **dict.fromkeys(ONE, Rule(_always, _one)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"), Rule(_accepts_two, _two)),
}
