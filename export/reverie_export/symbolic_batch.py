"""Take out of a traced graph what it says of the one picture that it was traced with: that it was one, and its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

Shape = tuple[int, ...]


def free(graph: ir.Graph) -> None:
    """Let ``graph``, sorted and with shapes, follow any number of pictures and, where it can, any size."""
    moving = {graph.inputs[0]}
    for node in list(graph):
        if moving.isdisjoint(node.inputs):
            continue
        moving.update(node.outputs)
        if node.op_type == "Reshape":
            _free_reshape(graph, node)
        elif node.op_type == "Resize":
            _free_resize(graph, node)
        elif node.op_type == "Expand":
            _free_expand(graph, node)
        elif node.op_type == "Concat":
            moving.update(_free_concat(graph, node, [value for value in node.inputs if value in moving]))


def _free_reshape(graph: ir.Graph, node: ir.Node) -> None:
    """What it repeats of its input becomes 0, and what is left over -1; failing that, the first dimension does.

    ``[1, 512, 7, 7] -> [1, 25088]`` was true of one picture of one size; ``[0, -1]`` says the same of any. The windows
    of ``[1, 8, 8, 49, 96] -> [64, 49, 96]`` are 64 for each picture, and pictures come first: ``[-1, 49, 96]``.
    """
    known, wanted = _shape(node.inputs[0]), _integers(node.inputs[1])
    if known is None or wanted is None:
        return
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
    if freed != list(wanted):
        node.replace_input_with(1, _constant(graph, f"{node.outputs[0].name}.shape", np.array(freed, np.int64)))
        node.attributes.pop("allowzero", None)


def _free_resize(graph: ir.Graph, node: ir.Node) -> None:
    """An enlargement to a size becomes one by a factor."""
    sizes = _integers(node.inputs[3]) if len(node.inputs) > 3 else None
    known, factors = _shape(node.inputs[0]), []
    if sizes is None or known is None or len(sizes) != len(known):
        return
    if node.attributes.get_string("keep_aspect_ratio_policy", "stretch") != "stretch":
        return
    for size, before in zip(sizes, known, strict=True):
        factor = np.float32(size / before)
        if np.floor(np.float32(before) * factor) < size:  # rounded down
            factor = np.nextafter(factor, np.float32(np.inf))
        factors.append(factor)
    node.replace_input_with(2, _constant(graph, f"{node.outputs[0].name}.scales", np.array(factors, np.float32)))
    node.resize_inputs(3)


def _free_expand(graph: ir.Graph, node: ir.Node) -> None:
    """What the input's own size is becomes 1, which leaves it as it is."""
    known, wanted = _shape(node.inputs[0]), _integers(node.inputs[1])
    if known is None or wanted is None:
        return
    ahead = len(wanted) - len(known)
    freed = [1 if i >= ahead and known[i - ahead] == n else n for i, n in enumerate(wanted)]
    if freed != list(wanted):
        node.replace_input_with(1, _constant(graph, f"{node.outputs[0].name}.shape", np.array(freed, np.int64)))


def _free_concat(graph: ir.Graph, node: ir.Node, moving: Sequence[ir.Value | None]) -> Sequence[ir.Value]:
    """A class token put before the picture's tokens becomes a sum, which repeats it for each picture.

    ``Concat(c, x) = Pad(x) + Concat(c, 0)``, for rows of tokens [1, T, C] of which one depends on the picture. Returns
    the values that are new.
    """
    result, shapes = node.outputs[0], [_shape(value) for value in node.inputs]
    axis = node.attributes.get_int("axis", 1) % 3
    if len(moving) != 1 or len(node.inputs) == 1 or any(s is None or len(s) != 3 or s[0] != 1 for s in shapes):
        return ()
    if axis == 0:
        return ()
    at = list(node.inputs).index(moving[0])
    sizes = [s[axis] for s in shapes if s is not None]
    pads = [0] * 6
    pads[axis], pads[axis + 3] = sum(sizes[:at]), sum(sizes[at + 1 :])
    nothing = _constant(graph, f"{result.name}.nothing", np.zeros(shapes[at] or (), np.float32))
    still = ir.Node("", "Concat", [*node.inputs[:at], nothing, *node.inputs[at + 1 :]], [ir.AttrInt64("axis", axis)])
    padded = ir.Node("", "Pad", [moving[0], _constant(graph, f"{result.name}.pads", np.array(pads, np.int64))])
    total = ir.Node("", "Add", [padded.outputs[0], still.outputs[0]], name=node.name)
    for made, what in ((still, "still"), (padded, "padded"), (total, "")):
        made.name = made.name or f"{node.name}.{what}"
        made.outputs[0].name = f"{result.name}.{what}"
        made.outputs[0].type, made.outputs[0].shape = result.type, result.shape
    graph.insert_before(node, [still, padded, total])
    ir.convenience.replace_all_uses_with(result, total.outputs[0], replace_graph_outputs=True)
    name = result.name
    graph.remove(node, safe=True)
    total.outputs[0].name = name
    return padded.outputs[0], total.outputs[0]


def _shape(value: ir.Value | None) -> Shape | None:
    shape = value.shape if value is not None else None
    return tuple(shape.numpy()) if shape is not None and shape.is_static() else None


def _integers(value: ir.Value | None) -> Shape | None:
    tensor = value.const_value if value is not None else None
    return tuple(int(n) for n in tensor.numpy().ravel()) if tensor is not None else None


def _constant(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.dtype, value.shape = ir.DataType.from_numpy(array.dtype), ir.Shape(array.shape)
    graph.register_initializer(value)
    return value
