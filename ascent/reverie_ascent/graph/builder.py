"""Appends nodes and constants to a graph that is being rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir


def add_constant(graph: ir.Graph, name: str, array: npt.NDArray[Any]) -> ir.Value:
    """Add an initializer to a graph."""
    value = ir.Value(name=name, const_value=ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name))
    value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.from_numpy(array.dtype))
    graph.register_initializer(value)
    return value


class Writer:
    """Collects nodes in order; equal constants are one."""

    def __init__(self, graph: ir.Graph, prefix: str) -> None:
        self.graph = graph
        self.nodes: list[ir.Node] = []
        self._prefix = prefix
        self._constants: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

    def op(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: Any) -> ir.Value:
        """Append a node and return its only output."""
        (value,) = self.ops(op_type, inputs, 1, **attributes)
        return value

    def ops(self, op_type: str, inputs: Sequence[ir.Value | None], count: int, **attributes: Any) -> Sequence[ir.Value]:
        """Append a node and return its outputs."""
        name = f"{self._prefix}/{op_type}_{len(self.nodes)}"
        attrs = ir.convenience.convert_attributes(attributes)
        node = ir.Node("", op_type, inputs, attrs, num_outputs=count, name=name)
        for i, value in enumerate(node.outputs):
            value.name = name if count == 1 else f"{name}.{i}"
        self.nodes.append(node)
        return node.outputs

    def constant(self, array: npt.ArrayLike, dtype: npt.DTypeLike) -> ir.Value:
        """Return an array as a constant."""
        held = np.ascontiguousarray(array, dtype).reshape(np.shape(array))
        key = (held.dtype.str, held.shape, held.tobytes())
        if key not in self._constants:
            name = f"{self._prefix}/constant_{len(self._constants)}"
            self._constants[key] = add_constant(self.graph, name, held)
        return self._constants[key]

    def floats(self, array: npt.ArrayLike) -> ir.Value:
        """Return a float32 constant."""
        return self.constant(array, np.float32)

    def sizes(self, *sizes: int) -> ir.Value:
        """Return an int64 constant: a shape, or axes."""
        return self.constant(sizes, np.int64)

    def indices(self, index: npt.ArrayLike) -> ir.Value:
        """Return an int32 constant, for Gather."""
        return self.constant(index, np.int32)

    def replace(self, node: ir.Node, value: ir.Value) -> None:
        """Put what was written in the place of ``node``, ``value`` for its output; an output keeps its name."""
        self.graph.insert_before(node, self.nodes)
        (old,) = node.outputs
        name, shape, kind = old.name, old.shape, old.type
        if old.is_graph_output():
            old.name, value.name = None, name
            value.shape, value.type = shape, kind
        old.replace_all_uses_with(value, replace_graph_outputs=True)
        self.graph.remove(node, safe=True)

    def reshape(self, value: ir.Value, *sizes: int) -> ir.Value:
        """Return ``value`` in another shape."""
        return self.op("Reshape", [value, self.sizes(*sizes)])
