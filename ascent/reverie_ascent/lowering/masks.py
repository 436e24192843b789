"""Computes one mask of a rectified pool at the size of the pool's output instead of its input.

The gradient g of a MaxPool after a Relu is multiplied by two masks of full size: one of the pixels whose value r equals
its maximum p, one of those with a positive r. Where the first mask is 1, r equals p, so the second can be computed from
p, which is a quarter as large:

    (up(g) * [r = up(p)]) * [r > 0]  =  up(g * [p > 0]) * [r = up(p)]
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import infer
from reverie_ascent.lowering.rewrite import Rewrite

BETA_TOLERANCE = 1e-30
"""The largest magnitude of a mask's beta: `reverie_gradient` writes slightly less than 0."""


class ShrinkMasks(Rewrite):
    """Rewrite every such pair of masks."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite every match."""
        changed = False
        w = Builder(model.graph, "mask")
        for node in list(model.graph):
            match = _match(node)
            if match is not None:
                _rewrite(w, node, *match)
                changed = True
        if changed:
            RemoveUnusedNodesPass()(model)
            model.graph.sort()
            infer(model)
        return ir.passes.PassResult(model, changed)


def _rewrite(w: Builder, node: ir.Node, r: ir.Value, enlarged: ir.Node, maximal: ir.Value) -> None:
    g, pool = enlarged.inputs[0], _pool_of(r)
    assert pool is not None
    positive = w.op("HardSigmoid", [pool], **_attributes(node.inputs[1]))
    masked = w.op("Mul", [g, positive])
    again = w.op("Resize", [masked, *enlarged.inputs[1:]], **{k: a.value for k, a in enlarged.attributes.items()})
    w.replace(node, [w.op("Mul", [again, maximal])])


def _match(node: ir.Node) -> tuple[ir.Value, ir.Node, ir.Value] | None:
    """Return r, the node that enlarges g, and the mask of maxima."""
    if node.op_type != "Mul" or len(tuple(node.outputs)) != 1:
        return None
    inner, outer = (_producer(v) for v in node.inputs)
    if not (_is(inner, "Mul") and _is(outer, "HardSigmoid")) or inner is None or outer is None:
        return None
    r = outer.inputs[0]
    enlarged, maximal = (_producer(v) for v in inner.inputs)
    if not (_is(enlarged, "Resize") and _is(maximal, "HardSigmoid")) or maximal is None or enlarged is None:
        return None
    below = _producer(maximal.inputs[0])
    if not _is(below, "Add") or below is None or below.inputs[0] is not r or r is None:
        return None
    if abs(outer.attributes.get_float("beta", 0.5)) > BETA_TOLERANCE or _negated(below.inputs[1]) is not _pool_of(r):
        return None
    return r, enlarged, maximal.outputs[0]


def _pool_of(r: ir.Value) -> ir.Value | None:
    return next((n.outputs[0] for n in r.consumers() if n.op_type == "MaxPool"), None)


def _negated(enlarged: ir.Value | None) -> ir.Value | None:
    """Return p if a value is up(-p), which the gradient of a pool writes as a normalisation by -1."""
    resize = _producer(enlarged)
    negation = _producer(resize.inputs[0]) if _is(resize, "Resize") and resize is not None else None
    return negation.inputs[0] if _is(negation, "BatchNormalization") and negation is not None else None


def _producer(value: ir.Value | None) -> ir.Node | None:
    return None if value is None else value.producer()


def _is(node: ir.Node | None, op_type: str) -> bool:
    return node is not None and node.op_type == op_type


def _attributes(mask: ir.Value | None) -> dict[str, Any]:
    producer = _producer(mask)
    assert producer is not None
    return {name: a.value for name, a in producer.attributes.items()}
