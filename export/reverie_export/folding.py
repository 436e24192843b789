"""Passes that compute once what does not depend on the picture: standardised weights, tables of positions, masks."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from reverie_gradient import Builder

from reverie_export.errors import BadSource
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.sources.source import Array

# A weight that is only laid out differently stays one weight: runtimes apply these when they load a graph.
LAYOUT = frozenset(("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"))


class FoldConstants(InPlacePass):
    """Replaces each value of a sorted graph that depends on constants alone by its numbers."""

    def call(self, model: ir.Model) -> PassResult:
        """Evaluate with numpy; raises BadSource for an operator that cannot be evaluated."""
        graph = model.graph
        varying = set(graph.inputs)
        computed: set[ir.Value] = set()  # constant, and more than a weight in another layout
        wanted: dict[ir.Value, None] = {}
        for node in graph:
            if varying.isdisjoint(node.inputs):
                if node.op_type not in LAYOUT or not computed.isdisjoint(node.inputs):
                    computed.update(node.outputs)
            else:
                varying.update(node.outputs)
                wanted.update((value, None) for value in node.inputs if value in computed)
        if not wanted:
            return PassResult(model, modified=False)
        part = ir.convenience.extract(graph, [], list(wanted))
        try:
            found = evaluate(part, {}, [value.name or "" for value in wanted])
        except CannotEvaluate as e:
            raise BadSource(f"the network calculates with its weights what cannot be worked out: {e}") from e
        for value in wanted:
            _replace(graph, value, found[value.name or ""])
        return PassResult(model, modified=True)


class FoldShapes(InPlacePass):
    """Replaces each Shape of a value whose shape is known; a trace knows all shapes, and exporters ask all the same."""

    def call(self, model: ir.Model) -> PassResult:
        """Read the shapes that inference has found."""
        modified = False
        for node in list(model.graph):
            shape = node.inputs[0].shape if node.op_type == "Shape" and node.inputs[0] is not None else None
            if shape is not None and shape.is_static():
                part = slice(node.attributes.get_int("start", 0), node.attributes.get_int("end", len(shape)))
                _replace(model.graph, node.outputs[0], np.array(shape.numpy()[part], np.int64))
                modified = True
        return PassResult(model, modified)


def _replace(graph: ir.Graph, value: ir.Value, array: Array) -> None:
    kind = value.dtype.numpy() if value.dtype is not None and value.dtype.is_floating_point() else array.dtype
    constant = Builder(graph).constant(array.astype(kind, copy=False), name=f"{value.name}.folded")
    ir.convenience.replace_all_uses_with(value, constant)
