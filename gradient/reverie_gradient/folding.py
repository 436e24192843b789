"""Replaces values that are known before a graph runs by their numbers."""

from __future__ import annotations

import onnx_ir as ir

from reverie_gradient.builder import Builder
from reverie_gradient.inference import infer_shapes

LARGEST_BYTES = 64 * 1024  # a second copy of the weights, in another layout, must not be made


def fold_constants(graph: ir.Graph) -> bool:
    """Let nodes read constants in place of small values that follow from constants and known shapes.

    Args:
        graph: Sorted. It is changed in place, and types and shapes that it does not state are inferred. Nodes that
            nothing reads any more stay.

    Returns:
        Whether anything was replaced.
    """
    known, builder, found = infer_shapes(graph), Builder(graph), False
    for node in graph:
        for value in node.outputs:
            if node.op_type == "Constant" or not value.uses():
                continue
            array = known.array(value)
            if array is not None and array.nbytes <= LARGEST_BYTES:
                constant = builder.constant(array, name=f"{value.name}.folded")
                ir.convenience.replace_all_uses_with(value, constant)
                found = True
    return found
