"""Passes that compute once what does not depend on the picture: standardised weights, tables of positions, masks."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnxscript import optimizer
from reverie_gradient import Builder, fold_constants, inputs_of

from reverie_export.errors import BadSource
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.sources.source import Array

# A weight that is only laid out differently stays one weight: runtimes apply these when they load a graph.
LAYOUT = frozenset(("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"))
LARGEST_BYTES = 64 * 1024  # of what onnxscript may compute on its way


class FoldConstants(InPlacePass):
    """Replaces each value of a sorted graph that depends on constants alone by its numbers."""

    def call(self, model: ir.Model) -> PassResult:
        """Evaluate with numpy; raises BadSource for an operator that cannot be evaluated."""
        graph = model.graph
        varying = set(graph.inputs)
        computed: set[ir.Value] = set()  # constant, and more than a weight in another layout
        wanted: dict[ir.Value, None] = {}
        for node in graph:
            if varying.isdisjoint(inputs_of(node)):
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


class FoldKnown(InPlacePass):
    """Replaces what follows from small constants and known shapes by its numbers, as the gradient's rules see it."""

    def call(self, model: ir.Model) -> PassResult:
        """Infer shapes on the way."""
        return PassResult(model, modified=fold_constants(model.graph))


def _replace(graph: ir.Graph, value: ir.Value, array: Array) -> None:
    kind = value.dtype.numpy() if value.dtype is not None and value.dtype.is_floating_point() else array.dtype
    constant = Builder(graph).constant(array.astype(kind, copy=False), name=f"{value.name}.folded")
    ir.convenience.replace_all_uses_with(value, constant)


#: The first operator set in which Split states the number of its parts.
SPLIT_COUNTS = 18


class ResolveControlFlow(InPlacePass):
    """Writes out an If whose condition is known, and takes apart sequences whose elements are known, by onnxscript."""

    def call(self, model: ir.Model) -> PassResult:
        """Do so in the graph and its subgraphs."""
        result: PassResult = optimizer.fold_constants(model, output_size_limit=LARGEST_BYTES)
        return result


def resolve_control_flow(model: ir.Model) -> None:
    """Write out what of branches and sequences is known before the graph runs, if there are any."""
    if any(node.op_type in ("If", "SequenceAt", "ConcatFromSequence") for node in model.graph):
        for step in (FoldKnown(), ResolveControlFlow()):
            step(model)
        if model.opset_imports.get("", SPLIT_COUNTS) < SPLIT_COUNTS:
            for node in model.graph:
                if (
                    node.op_type == "Split"
                ):  # onnxscript writes the newest form; equal parts are the older one's default
                    node.attributes.pop("num_outputs", None)
