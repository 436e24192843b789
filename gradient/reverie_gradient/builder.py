"""The graph builder of all of Reverie: nodes and constants over onnx_ir's tape, under names that are not taken."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape


class Builder:
    """Makes nodes for a graph and keeps them apart until they are placed in it.

    If building fails before that, the nodes of the graph are as they were. Constants become initializers at once, or,
    with ``constant_nodes``, nodes that are kept apart like all others; graphs of every IR version can hold those.

    Args:
        graph: The graph that the nodes are for.
        scope: What names begin with. The attribute may change between nodes; names of constants keep the first.
        constant_nodes: Whether constants are nodes.
    """

    def __init__(self, graph: ir.Graph, scope: str = "", *, constant_nodes: bool = False) -> None:
        self.graph = graph
        self.scope = scope
        self._constant_scope = scope
        self._constant_nodes = constant_nodes
        self._tape = Tape()
        self._constants: dict[Hashable, ir.Value] = {}
        self._repeats: dict[str, int] = {}

    def op(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        *,
        name: str | None = None,
        like: ir.Value | None = None,
        **attributes: Any,
    ) -> ir.Value:
        """Make a node with one output and return that.

        Args:
            op_type: An operator of ai.onnx.
            inputs: None for an optional one that is left out.
            name: Of the node and its output, instead of one made of the scope and the operator.
            like: A value of the output's type and shape, where they are known.
            attributes: The operator's attributes.
        """
        (value,) = self.ops(op_type, inputs, 1, name=name, **attributes)
        if like is not None:
            value.type, value.shape = like.type, like.shape
        return value

    def ops(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        outputs: int,
        *,
        name: str | None = None,
        **attributes: Any,
    ) -> Sequence[ir.Value]:
        """Make a node and return its outputs, of which there are so many."""
        name = self._unused(name or _joined(self.scope, op_type))
        values = [ir.Value(name=name if outputs == 1 else f"{name}.{i}") for i in range(outputs)]
        for key, value in attributes.items():
            # onnx_ir takes 100 us to find that a list is one of integers: it first compares it with its protocols.
            if isinstance(value, list) and value and all(isinstance(n, int) for n in value):
                attributes[key] = ir.AttrInt64s(key, value)
        return self._tape.op_multi_out(op_type, inputs, attributes, outputs=values, name=name)

    def constant(self, array: npt.ArrayLike, dtype: ir.DataType | None = None, *, name: str | None = None) -> ir.Value:
        """Return a constant; equal ones are one value, unless they are named.

        Args:
            array: Its numbers; they are not copied if they are an array of the right type.
            dtype: Its type, that of ``array`` by default.
            name: The name of an initializer, such as a weight's, exactly as given.
        """
        held = np.asarray(array, None if dtype is None else dtype.numpy(), order="C")
        dtype = dtype or ir.DataType.from_numpy(held.dtype)
        if name is not None:
            return self._initializer(held, dtype, name)
        tensor = ir.Tensor(held, dtype)
        key = _identity(tensor)
        if key not in self._constants:
            name = self._unused(_joined(self._constant_scope, "Constant"))
            if self._constant_nodes:
                self._constants[key] = self._tape.op(
                    "Constant", [], {"value": tensor}, name=name, output=ir.Value(name=name)
                )
            else:
                self._constants[key] = self._initializer(held, dtype, name)
        return self._constants[key]

    def integers(self, *numbers: int) -> ir.Value:
        """Return a vector of int64: a shape, axes, pads."""
        return self.constant(numbers, ir.DataType.INT64)

    def floats(self, array: npt.ArrayLike) -> ir.Value:
        """Return a constant of float32."""
        return self.constant(array, ir.DataType.FLOAT)

    def reshape(self, value: ir.Value, *sizes: int) -> ir.Value:
        """Make a Reshape of ``value``; 0 and -1 mean what they mean to the operator."""
        return self.op("Reshape", [value, self.integers(*sizes)])

    def append(self, needed_for: Sequence[ir.Value] | None = None) -> None:
        """Place the nodes at the end of the graph; with ``needed_for``, only those that these values depend on."""
        nodes = self._take()
        self.graph.extend(nodes if needed_for is None else _needed(nodes, needed_for))

    def insert_before(self, node: ir.Node) -> None:
        """Place the nodes before ``node``."""
        self.graph.insert_before(node, self._take())

    def insert_after(self, node: ir.Node) -> None:
        """Place the nodes after ``node``."""
        self.graph.insert_after(node, self._take())

    def replace(self, node: ir.Node, values: Sequence[ir.Value]) -> None:
        """Place the nodes before ``node`` and remove it; ``values`` stand for its outputs, under the same names."""
        made = {value for new in self._tape.nodes for value in new.outputs}
        for old, new in zip(node.outputs, values, strict=True):
            # A value that others know by its own name cannot take another.
            value = new if new in made else self.op("Identity", [new])
            made.discard(value)
            value.type = value.type if old.type is None else old.type
            value.shape = value.shape if old.shape is None else old.shape
            value.name, old.name = old.name or value.name, None
            old.replace_all_uses_with(value, replace_graph_outputs=True)
        self.insert_before(node)
        self.graph.remove(node, safe=True)

    def splice(self, graph: ir.Graph) -> None:
        """Move all of another graph, a fragment that was written as text, to the end of this one.

        Names are prefixed by the scope. Constants that are equal, or the same weights of a file, become one. What were
        the inputs and outputs of the other graph are then free values, for the caller to connect.
        """
        graph.inputs.clear()
        graph.outputs.clear()
        for value in list(graph.initializers.values()):
            graph.initializers.pop(value.name or "")
            assert value.const_value is not None
            key = _identity(value.const_value)
            if key in self._constants:
                ir.convenience.replace_all_uses_with(value, self._constants[key])
            else:
                self._constants[key] = value
                value.name = _joined(self.scope, value.name or "")
                self.graph.register_initializer(value)
        nodes = list(graph)
        graph.remove(nodes)
        for node in nodes:
            node.name = _joined(self.scope, node.name or node.outputs[0].name or "")
            for value in node.outputs:
                value.name = _joined(self.scope, value.name or "")
        self.graph.extend(nodes)

    def _take(self) -> Sequence[ir.Node]:
        nodes, self._tape = self._tape.nodes, Tape()
        return nodes

    def _initializer(self, array: npt.NDArray[Any], dtype: ir.DataType, name: str) -> ir.Value:
        value = self._tape.initializer(ir.Tensor(array, dtype, name=name))
        self.graph.register_initializer(value)
        return value

    @cached_property
    def _taken(self) -> set[str | None]:
        taken = {value.name for value in (*self.graph.inputs, *self.graph.initializers.values())}
        for node in self.graph.all_nodes():
            taken |= {node.name, *(value.name for value in node.outputs)}
        return taken

    def _unused(self, name: str) -> str:
        found, number = name, self._repeats.get(name, 1)
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._repeats[name] = number
        self._taken.add(found)
        return found


def _joined(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name


def _identity(tensor: ir.TensorProtocol) -> Hashable:
    """Return what is equal for equal constants: the place of a weight in its file, or else the contents."""
    shape = tuple(tensor.shape.numpy())
    if isinstance(tensor, ir.ExternalTensor):
        return tensor.location, tensor.offset, tensor.dtype, shape
    return tensor.dtype, shape, tensor.tobytes()


def _needed(nodes: Sequence[ir.Node], values: Sequence[ir.Value]) -> list[ir.Node]:
    """Return the nodes that ``values`` depend on, in order, and take the others' inputs away."""
    used = set(values)
    kept = []
    for node in reversed(nodes):
        if not used.isdisjoint(node.outputs):
            kept.append(node)
            used.update(value for value in node.inputs if value is not None)
        else:
            for i in range(len(node.inputs)):
                node.replace_input_with(i, None)  # it must not count as a consumer of what stays
    return kept[::-1]
