"""Work out once what does not depend on the picture: standardised weights, tables of positions, masks."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from reverie_export.errors import BadSource
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.sources.source import Array

# A weight that is only laid out differently stays one weight: runtimes do these when they load a graph.
LAYOUT = frozenset(("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"))


def fold_still(graph: ir.Graph) -> None:
    """Replace each value of ``graph``, sorted, that the picture does not change by its numbers."""
    moving = set(graph.inputs)
    calculated: set[ir.Value] = set()  # still, and more than a weight in another layout
    wanted: dict[ir.Value, None] = {}
    for node in graph:
        if moving.isdisjoint(node.inputs):
            if node.op_type not in LAYOUT or not calculated.isdisjoint(node.inputs):
                calculated.update(node.outputs)
        else:
            moving.update(node.outputs)
            wanted.update((value, None) for value in node.inputs if value in calculated)
    if not wanted:
        return
    try:
        found = evaluate(ir.convenience.extract(graph, [], list(wanted)), {}, [value.name or "" for value in wanted])
    except CannotEvaluate as e:
        raise BadSource(f"the network calculates with its weights what cannot be worked out: {e}") from e
    for value in wanted:
        _hold(graph, value, found[value.name or ""])


def fold_shapes(graph: ir.Graph) -> None:
    """Replace each Shape of a value whose shape is known: a trace knows all, and exporters ask all the same."""
    for node in list(graph):
        shape = node.inputs[0].shape if node.op_type == "Shape" and node.inputs[0] is not None else None
        if shape is not None and shape.is_static():
            part = slice(node.attributes.get_int("start", 0), node.attributes.get_int("end", len(shape)))
            _hold(graph, node.outputs[0], np.array(shape.numpy()[part], np.int64))


def _hold(graph: ir.Graph, value: ir.Value, array: Array) -> None:
    name = f"{value.name}.held"
    array = np.ascontiguousarray(array).reshape(array.shape)
    held = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    held.dtype, held.shape = ir.DataType.from_numpy(array.dtype), ir.Shape(array.shape)
    graph.register_initializer(held)
    ir.convenience.replace_all_uses_with(value, held)
