"""The pass that takes out of a traced graph that it was traced with one picture, and its size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from reverie_gradient import Builder, inputs_of

Shape = tuple[int, ...]


class SymbolicBatch(InPlacePass):
    """Lets a graph take any number of pictures and, where it can, any size.

    A trace writes the sizes of its one picture into Reshape, Resize, Expand and Concat.
    """

    def requires(self, model: ir.Model) -> None:
        """The picture has a known shape, from which those of all other values were inferred."""
        shape = model.graph.inputs[0].shape
        assert shape is not None
        assert shape.is_static()

    def call(self, model: ir.Model) -> PassResult:
        """Rewrite the nodes that depend on the picture; the graph is sorted."""
        builder, varying, modified = Builder(model.graph), {model.graph.inputs[0]}, False
        for node in list(model.graph):
            if varying.isdisjoint(inputs_of(node)):
                continue
            varying.update(node.outputs)
            builder.scope = node.name or ""
            if node.op_type == "Concat":
                made = _concat(builder, node, [value for value in node.inputs if value in varying])
                varying.update(made)
                modified |= bool(made)
            elif node.op_type in RULES:
                modified |= RULES[node.op_type](builder, node)
        return PassResult(model, modified)


def _reshape(builder: Builder, node: ir.Node) -> bool:
    """Write 0 for the sizes that the input has too, and -1 for what is left over, or else for the first.

    ``[1, 512, 7, 7] -> [1, 25088]`` holds for one picture of one size, ``[0, -1]`` for any. The windows of
    ``[1, 8, 8, 49, 96] -> [64, 49, 96]`` are 64 for each picture, and pictures come first: ``[-1, 49, 96]``.
    """
    known, wanted = _shape(node.inputs[0]), _integers(node.inputs[1])
    if known is None or wanted is None:
        return False
    freed = list(wanted)
    for i in range(min(len(known), len(wanted))):
        if wanted[i] != known[i]:
            break
        freed[i] = 0
    rest = [i for i, n in enumerate(freed) if n != 0]
    if -1 not in freed and len(rest) == 1:
        freed[rest[0]] = -1
    if freed and freed[0] > 0 and -1 not in freed:
        freed[0] = -1
    if freed == list(wanted):
        return False
    node.replace_input_with(1, builder.integers(*freed))
    node.attributes.pop("allowzero", None)
    return True


def _resize(builder: Builder, node: ir.Node) -> bool:
    """Turn an enlargement to a size into one by a factor."""
    sizes = _integers(node.inputs[3]) if len(node.inputs) > 3 else None
    known, factors = _shape(node.inputs[0]), []
    if sizes is None or known is None or len(sizes) != len(known):
        return False
    if node.attributes.get_string("keep_aspect_ratio_policy", "stretch") != "stretch":
        return False
    for size, before in zip(sizes, known, strict=True):
        factor = np.float32(size / before)
        if np.floor(np.float32(before) * factor) < size:  # rounded down
            factor = np.nextafter(factor, np.float32(np.inf))
        factors.append(factor)
    node.replace_input_with(2, builder.constant(factors, ir.DataType.FLOAT))
    node.resize_inputs(3)
    return True


def _expand(builder: Builder, node: ir.Node) -> bool:
    """Write 1, which keeps the input's own size, where that is the size asked for."""
    known, wanted = _shape(node.inputs[0]), _integers(node.inputs[1])
    if known is None or wanted is None:
        return False
    ahead = len(wanted) - len(known)
    freed = [1 if i >= ahead and known[i - ahead] == n else n for i, n in enumerate(wanted)]
    if freed == list(wanted):
        return False
    node.replace_input_with(1, builder.integers(*freed))
    return True


RULES: dict[str, Callable[[Builder, ir.Node], bool]] = {"Expand": _expand, "Reshape": _reshape, "Resize": _resize}


def _concat(builder: Builder, node: ir.Node, varying: Sequence[ir.Value | None]) -> Sequence[ir.Value]:
    """Write a class token put before the picture's tokens as a sum, which repeats it for each picture.

    ``Concat(c, x) = Pad(x) + Concat(c, 0)``, for rows of tokens [1, T, C] of which one depends on the picture. Returns
    the new values that depend on it.
    """
    result, shapes = node.outputs[0], [_shape(value) for value in node.inputs]
    axis = node.attributes.get_int("axis", 1) % 3
    if len(varying) != 1 or len(node.inputs) == 1 or any(s is None or len(s) != 3 or s[0] != 1 for s in shapes):
        return ()
    if axis == 0:
        return ()
    at = list(node.inputs).index(varying[0])
    sizes = [s[axis] for s in shapes if s is not None]
    pads = [0] * 6
    pads[axis], pads[axis + 3] = sum(sizes[:at]), sum(sizes[at + 1 :])
    nothing = builder.constant(np.zeros(shapes[at] or (), np.float32))
    rest = builder.op("Concat", [*node.inputs[:at], nothing, *node.inputs[at + 1 :]], axis=axis, like=result)
    padded = builder.op("Pad", [varying[0], builder.integers(*pads)], like=result)
    total = builder.op("Add", [padded, rest], like=result)
    builder.replace(node, [total])
    return padded, total


def _shape(value: ir.Value | None) -> Shape | None:
    shape = value.shape if value is not None else None
    return tuple(shape.numpy()) if shape is not None and shape.is_static() else None


def _integers(value: ir.Value | None) -> Shape | None:
    tensor = value.const_value if value is not None else None
    return tuple(int(n) for n in tensor.numpy().ravel()) if tensor is not None else None
