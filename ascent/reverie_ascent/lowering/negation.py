"""Negations for GPUs: `reverie_gradient` writes them as a normalisation by -1, which keeps a CPU's blocked layout.

A GPU gains nothing by that, and its normalisation may round, so that a maximum would not equal itself any more.
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
        """Raise PostconditionError where one is left, besides what every rewrite ensures."""
        super().ensures(model)
        left = [node.name for node in model.graph if _is_negation(node)]
        if left:
            raise ir.passes.PostconditionError(f"normalisations by -1 are left: {left}")


def _is_negation(node: ir.Node) -> bool:
    if node.op_type != "BatchNormalization" or node.attributes.get_float("epsilon", 1e-5) != 0:
        return False
    numbers = [constant(value) for value in node.inputs[1:]]
    return all(n is not None and (n == wanted).all() for n, wanted in zip(numbers, NEGATION, strict=True))
