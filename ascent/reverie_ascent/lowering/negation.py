"""Negations as such: what `reverie_gradient` writes as a normalisation by -1, because CPUs keep their layout there.

A GPU gains nothing by that, and its normalisation may round, so that a maximum would not equal itself any more.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass, RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import constant

NEGATION = (-1, 0, 0, 1)
"""Scale, shift, mean and variance."""


def negate(model: ir.Model) -> None:
    """Rewrite them."""
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    w = Builder(model.graph, "negation")
    for node in list(model.graph):
        if node.op_type == "BatchNormalization" and node.attributes.get_float("epsilon", 1e-5) == 0:
            numbers = [constant(value) for value in node.inputs[1:]]
            if all(n is not None and (n == wanted).all() for n, wanted in zip(numbers, NEGATION, strict=True)):
                w.replace(node, [w.op("Neg", [node.inputs[0]])])
    RemoveUnusedNodesPass()(model)
