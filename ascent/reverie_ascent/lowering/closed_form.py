"""Computes the last convolution of a linear objective in closed form.

A linear objective reads the target y [N, M, H, W] only as y p, with p [N, H W, 1] the weight of each position, and its
gradient by y is the product of a vector v [N, M, 1] and p. If y is a convolution of x, both directions are small:

    y p      = W (x P) + b sum(p)        x P [N, C, taps]: x under each tap's shifted p
    gradient = (W' v) P'                 W' v [N, C, taps], P' [N, taps, H W]

so the convolution over all pixels and channels, the most expensive of an early layer, is never computed.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import dims, infer
from reverie_ascent.lowering.rewrite import Rewrite


class CloseLinearObjectives(Rewrite):
    """Rewrite the convolutions that a linear objective makes cheap, forward and backward."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite every match."""
        changed = False
        w = Builder(model.graph, "linear")
        for node in list(model.graph):
            result = _forward(w, model.graph, node) or _backward(w, node)
            if result is not None:
                w.replace(node, [result])
                changed = True
        if changed:
            RemoveUnusedNodesPass()(model)
            infer(model)
        return ir.passes.PassResult(model, changed)


def _forward(w: Builder, graph: ir.Graph, node: ir.Node) -> ir.Value | None:
    """Match MatMul(Reshape(Conv(x)), p): y p."""
    if node.op_type != "MatMul":
        return None
    points, p = node.inputs
    if points is None or p is None:
        return None
    reshape = points.producer()
    conv = _input_of(reshape, "Reshape")
    if conv is None or reshape is None or conv.op_type != "Conv":
        return None
    y = conv.outputs[0]
    if len(tuple(y.uses())) != 1 or len(tuple(points.uses())) != 1 or y in graph.outputs:
        return None  # another node reads the target, so it must be computed
    shape, flat, column = dims(y), dims(points), dims(p)
    if shape is None or flat != (shape[0], shape[1], shape[2] * shape[3]) or column != (shape[0], flat[2], 1):
        return None
    n, m, height, width = shape
    x, weight = conv.inputs[:2]
    taps = _taps(conv)
    if taps is None or x is None or weight is None:
        return None
    channels = (dims(x) or ())[1]
    pixels = height * width
    # The taps are mirrored: y at o reads x at o + t, so the weight of x at i is p at i - t.
    under = w.op("Transpose", [_shifted(w, p, taps, (n, height, width), mirrored=True)], perm=[0, 2, 1])
    sums = w.op("MatMul", [w.reshape(x, n, channels, pixels), under])
    matrix = w.reshape(weight, m, channels * taps * taps)
    result = w.op("MatMul", [matrix, w.reshape(sums, n, channels * taps * taps, 1)])
    if len(conv.inputs) > 2 and conv.inputs[2] is not None:
        total = w.op("ReduceSum", [p, w.integers(1)], keepdims=1)
        result = w.op("Add", [result, w.op("Mul", [w.reshape(conv.inputs[2], m, 1), total])])
    return result


def _backward(w: Builder, node: ir.Node) -> ir.Value | None:
    """Match Conv(Reshape(MatMul(v, p'))): a convolution of the product of a column and a line."""
    if node.op_type != "Conv" or node.inputs[0] is None or len(node.inputs) > 2:
        return None
    product = _input_of(node.inputs[0].producer(), "Reshape")
    shape, target = dims(node.inputs[0]), dims(node.outputs[0])
    if product is None or product.op_type != "MatMul" or shape is None or target is None:
        return None
    n, m, height, width = shape
    v, line = product.inputs
    if dims(v) != (n, m, 1) or dims(line) != (n, 1, height * width) or v is None or line is None:
        return None
    taps, weight = _taps(node), node.inputs[1]
    if taps is None or weight is None or target[2:] != (height, width):
        return None
    channels = target[1]
    by_tap = w.reshape(w.op("Transpose", [weight], perm=[0, 2, 3, 1]), channels * taps * taps, m)
    pulls = w.reshape(w.op("MatMul", [by_tap, v]), n, channels, taps * taps)
    under = _shifted(w, line, taps, (n, height, width), mirrored=False)
    return w.reshape(w.op("MatMul", [pulls, under]), *target)


def _taps(conv: ir.Node) -> int | None:
    """Return the side of the kernel of a convolution that keeps height and width, or None for any other."""
    weight = dims(conv.inputs[1])
    if weight is None or len(weight) != 4 or weight[2] != weight[3] or weight[2] % 2 == 0:
        return None
    taps = weight[2]
    ints = conv.attributes.get_ints
    plain = (
        set(ints("strides", (1,))) == {1}
        and set(ints("dilations", (1,))) == {1}
        and set(ints("pads", (0,))) == {taps // 2}
        and conv.attributes.get_int("group", 1) == 1
        and conv.attributes.get_string("auto_pad", "NOTSET") == "NOTSET"
    )
    return taps if plain else None


def _shifted(w: Builder, p: ir.Value, taps: int, size: tuple[int, int, int], *, mirrored: bool) -> ir.Value:
    """Return p shifted by each tap, zero outside of the picture: [N, taps taps, H W]."""
    n, height, width = size
    around = taps // 2
    margins = w.integers(0, 0, around, around, 0, 0, around, around)
    framed = w.op("Pad", [w.reshape(p, n, 1, height, width), margins])
    corners = list(np.ndindex(taps, taps))
    views = [
        w.op("Slice", [framed, w.integers(y, x), w.integers(y + height, x + width), w.integers(2, 3)])
        for y, x in (reversed(corners) if mirrored else corners)
    ]
    return w.reshape(w.op("Concat", views, axis=1), n, taps * taps, height * width)


def _input_of(node: ir.Node | None, op_type: str) -> ir.Node | None:
    """Return the producer of the first input of a node of type ``op_type``, or None."""
    if node is None or node.op_type != op_type or node.inputs[0] is None:
        return None
    return node.inputs[0].producer()
