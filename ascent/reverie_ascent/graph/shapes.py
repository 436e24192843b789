"""Computes the shapes of all values of a program with fixed sizes, and the values that depend only on shapes.

ONNX Runtime would do the same when it loads the graph, but the passes after this one need the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import LiftConstantsToInitializersPass, RemoveUnusedNodesPass, ShapeInferencePass
from reverie_gradient import Builder

Array = npt.NDArray[np.generic]

LARGEST = 64
"""The most elements of a value that is computed here, such as sizes, pads and axes, but not weights."""


class SettleShapes(ir.passes.InPlacePass):
    """Set the shape of every value, and remove nodes that depend only on sizes; the inputs' sizes must be fixed."""

    def requires(self, model: ir.Model) -> None:
        """Raise PreconditionError if the size of an input is not fixed."""
        for value in model.graph.inputs:
            if dims(value) is None:
                raise ir.passes.PreconditionError(f"the size of the input {value.name} is open")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Infer shapes, compute constants and drop idle nodes until nothing changes."""
        LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        changed = True
        while changed:
            infer(model)
            changed = False
            for node in list(model.graph):
                changed |= _compute(model.graph, node) or _drop(model.graph, node)
            RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, True)


def settle(model: ir.Model) -> None:
    """Run only the pass `SettleShapes`."""
    SettleShapes()(model)


def infer(model: ir.Model) -> None:
    """Discard the shapes of all inner values and infer them again."""
    for node in model.graph:
        for value in node.outputs:
            if value not in model.graph.outputs:
                value.shape = None
    ShapeInferencePass(check_type=False, strict_mode=True, data_prop=True)(model)


def constant(value: ir.Value | None) -> Array | None:
    """Return the contents of a small constant, or None for any other value."""
    if value is None or not value.is_initializer() or value.const_value is None:
        return None
    tensor = value.const_value
    if isinstance(tensor, ir.ExternalTensor) and tensor.size > LARGEST:
        return None
    return np.asarray(tensor.numpy())


def dims(value: ir.Value | None) -> tuple[int, ...] | None:
    """Return the shape of a value, or None if a size is not known."""
    if value is None or value.shape is None or not value.shape.is_static():
        return None
    return tuple(value.shape.numpy())


def _compute(graph: ir.Graph, node: ir.Node) -> bool:
    """Replace a node by its value if that is small and known."""
    if len(node.outputs) != 1 or node.outputs[0] in graph.outputs:
        return False
    if node.op_type == "Shape":
        shape = dims(node.inputs[0])
        if shape is None:
            return False
        start, end = (node.attributes.get_int(name, default) for name, default in (("start", 0), ("end", len(shape))))
        result: Array = np.array(shape[start:end], np.int64)
    else:
        inputs = {v.name: constant(v) for v in node.inputs if v is not None}
        if not inputs or any(a is None or a.size > LARGEST for a in inputs.values()):
            return False
        shape = dims(node.outputs[0])
        if shape is None or np.prod(shape) > LARGEST:
            return False
        result = _evaluate(node, {str(name): a for name, a in inputs.items() if a is not None})
    _replace(graph, node, Builder(graph).constant(result, name=f"{node.outputs[0].name}/settled"))
    return True


def _evaluate(node: ir.Node, feeds: Mapping[str, Array]) -> Array:
    proto = ir.to_proto(node)
    kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(a.dtype) for name, a in feeds.items()}
    graph = onnx.helper.make_graph(
        [proto],
        "one",
        [onnx.helper.make_tensor_value_info(name, kinds[name], a.shape) for name, a in feeds.items()],
        [onnx.helper.make_tensor_value_info(proto.output[0], onnx.TensorProto.UNDEFINED, None)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    (result,) = ReferenceEvaluator(model).run(None, dict(feeds))
    return np.asarray(result)


def _replace(graph: ir.Graph, node: ir.Node, value: ir.Value) -> None:
    ir.convenience.replace_all_uses_with(node.outputs[0], value)
    graph.remove(node, safe=True)


# ----- nodes that do nothing at these sizes -----


def _drop(graph: ir.Graph, node: ir.Node) -> bool:
    """Remove a node that returns its input."""
    idle = _IDLE.get(node.op_type)
    if idle is None or len(node.outputs) != 1 or node.outputs[0] in graph.outputs or not idle(node):
        return False
    assert node.inputs[0] is not None
    _replace(graph, node, node.inputs[0])
    return True


def _whole_slice(node: ir.Node) -> bool:
    shape = dims(node.inputs[0])
    parts = [constant(v) for v in node.inputs[1:]]
    if shape is None or any(p is None for p in parts):
        return False
    starts, ends, *rest = (np.asarray(p) for p in parts)
    axes = rest[0] if rest else np.arange(len(starts))
    steps = rest[1] if len(rest) > 1 else np.ones(len(starts))
    return all(
        s == 1 and range(shape[int(a)])[slice(int(b), int(e))] == range(shape[int(a)])
        for b, e, a, s in zip(starts, ends, axes, steps, strict=True)
    )


def _no_pads(node: ir.Node) -> bool:
    pads = constant(node.inputs[1])
    return pads is not None and not np.any(pads)


def _same_shape(node: ir.Node) -> bool:
    before = dims(node.inputs[0])
    return before is not None and before == dims(node.outputs[0])


_IDLE: dict[str, Callable[[ir.Node], bool]] = {
    "Slice": _whole_slice,
    "Pad": _no_pads,
    "Reshape": _same_shape,
    "Expand": _same_shape,
    "Identity": lambda node: True,
}
