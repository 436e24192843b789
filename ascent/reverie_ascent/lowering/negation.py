"""Replaces normalisations by -1, which `reverie_gradient` writes as negations, by Neg nodes for GPUs.

A normalisation keeps the blocked layout of a CPU. On a GPU it has no advantage and may round, so that the mask of a
maximum would miss it.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import constant
from reverie_ascent.lowering.rewrite import Rewrite

NEGATION = (-1, 0, 0, 1)
"""Scale, shift, mean and variance."""


class WriteNegations(Rewrite):
    """Replace every normalisation by -1 by a Neg."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite every match."""
        matches = [node for node in model.graph if _is_negation(node)]
        w = Builder(model.graph, "negation")
        for node in matches:
            w.replace(node, [w.op("Neg", [node.inputs[0]])])
        RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, bool(matches))

    def ensures(self, model: ir.Model) -> None:
        """Raise PostconditionError if a normalisation by -1 is left, or for the reasons of every rewrite."""
        super().ensures(model)
        left = [node.name for node in model.graph if _is_negation(node)]
        if left:
            raise ir.passes.PostconditionError(f"normalisations by -1 are left: {left}")


def _is_negation(node: ir.Node) -> bool:
    if node.op_type != "BatchNormalization" or node.attributes.get_float("epsilon", 1e-5) != 0:
        return False
    numbers = [constant(value) for value in node.inputs[1:]]
    return all(n is not None and (n == expected).all() for n, expected in zip(numbers, NEGATION, strict=True))
