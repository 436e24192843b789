"""Brings the graph of any source into the one form that the rest of the export expects.

Opset 18, functions inlined, constants folded, no Identity, Dropout or BatchNormalization, and nothing that depends on
how many pictures there were, or how large, when the network was traced. Values keep their names: layers are found by
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult, common
from reverie_gradient import inline_functions

from reverie_export.batch_norm import STANDARD, FoldBatchNorms
from reverie_export.errors import BadSource
from reverie_export.folding import FoldConstants, FoldKnown, ResolveControlFlow
from reverie_export.stated_shapes import NoteStatedShapes
from reverie_export.symbolic_batch import SymbolicBatch

OPSET = 18
Names = Mapping[str, Sequence[str]]

LARGEST_VALUE, FLOAT_BYTES = 2 * 10**9, 4


def normalise(model: ir.Model, names: Names) -> Names:
    """Normalise ``model`` in place; return the names of its values, some of which folding has brought together."""
    if (found := model.opset_imports.get("", OPSET)) != OPSET:
        raise BadSource(f"the graph is of opset {found}; it must have been converted to {OPSET}")
    common.RemoveInitializersFromInputsPass()(model)  # ir_version 3 lists weights among the inputs
    if len(inputs := model.graph.inputs) != 1:
        raise BadSource(f"the network must have one input, the picture; it has {[v.name for v in inputs]}")
    batch_norms = FoldBatchNorms(names)
    steps = (
        common.InlinePass(),
        NoteStatedShapes(),  # before shapes that are computed become numbers
        *(FoldKnown(), ResolveControlFlow(), InferShapes(), FoldKnown()),
        InlineDefinitions(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.RemoveUnusedNodesPass(),
        BypassIdentities(),
        InferShapes(),
        RefuseGiants(),  # before anything of such a size is computed
        FoldConstants(),
        common.RemoveUnusedNodesPass(),
        batch_norms,
        common.RemoveUnusedNodesPass(),
        common.TopologicalSortPass(),
        InferShapes(),
        SymbolicBatch(),
        RefuseGiants(),
    )
    for step in steps:  # a Sequential would replace what a step says of the network by an error of its own
        step(model)
    return batch_norms.names


class InferShapes(InPlacePass):
    """Infers the types and shapes of all values, where folding has left some constants without a type."""

    def call(self, model: ir.Model) -> PassResult:
        """Use onnx's inference."""
        for value in model.graph.initializers.values():
            if value.type is None and value.const_value is not None:
                value.dtype = value.const_value.dtype
        return common.ShapeInferencePass(check_type=False, strict_mode=False)(model)


class InlineDefinitions(InPlacePass):
    """Replaces operators that have no gradient rule by what ONNX defines them by, where that has rules."""

    def call(self, model: ir.Model) -> PassResult:
        """Repeat it, because one definition may use another."""
        modified = False
        while inline_functions(model.graph, list(model.graph), all_or_none=False):
            InferShapes()(model)
            modified = True
        return PassResult(model, modified)


class BypassIdentities(InPlacePass):
    """Removes Identity and, as this is inference, Dropout; their readers read what they read."""

    def call(self, model: ir.Model) -> PassResult:
        """Remove all but an Identity that makes an input or a weight an output: a node must compute an output."""
        removed = []
        for node in model.graph:
            if node.op_type not in ("Identity", "Dropout") or node.domain not in STANDARD:
                continue
            source, result = node.inputs[0], node.outputs[0]
            assert source is not None
            constant = source.is_graph_input() or source.is_initializer()
            if node.op_type == "Identity" and constant and result.is_graph_output():
                continue
            ir.convenience.replace_all_uses_with(result, source, replace_graph_outputs=True)
            removed.append(node)
        model.graph.remove(removed, safe=True)
        return PassResult(model, modified=bool(removed))


class RefuseGiants(InPlacePass):
    """Checks that no value is larger than a machine that this is made for could hold."""

    def call(self, model: ir.Model) -> PassResult:
        """Raise BadSource for the first that is."""
        for node in model.graph:
            for value in node.outputs:
                size = math.prod(value.shape.numpy()) if value.shape is not None and value.shape.is_static() else 0
                if size * FLOAT_BYTES > LARGEST_VALUE:
                    raise BadSource(
                        f"{node.op_type} {(node.name or value.name)!r} makes {size * FLOAT_BYTES / 1e9:.0f} GB of one"
                        f" picture; {LARGEST_VALUE / 1e9:.0f} GB is the limit"
                    )
        return PassResult(model, modified=False)
