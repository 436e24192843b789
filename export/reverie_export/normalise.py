"""From whatever a source gives to the one form that everything after it expects.

Opset 18, functions inlined, constants folded, Identity, Dropout and BatchNormalization gone, and nothing that says how
many pictures there are or how large they were when the network was traced. Values keep their names throughout: layers
are found by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer
from reverie_gradient import inline_functions

from reverie_export.errors import BadSource
from reverie_export.folding import fold_shapes, fold_still
from reverie_export.symbolic_batch import free

OPSET = 18
Names = Mapping[str, Sequence[str]]

# A fold must not write a second copy of the weights in another layout: only small results are kept.
LARGEST_FOLD = 64 * 1024
LARGEST_VALUE, FLOAT_BYTES = 2 * 10**9, 4


def normalise(model: ir.Model, names: Names) -> Names:
    """Normalise ``model`` in place; return the names of values, where folding has brought some together."""
    if (found := model.opset_imports.get("", OPSET)) != OPSET:
        raise BadSource(f"the graph is of opset {found}; it must have been converted to {OPSET}")
    graph = model.graph
    for value in [*graph.inputs]:
        if value.name in graph.initializers:  # ir_version 3 lists weights among the inputs
            graph.inputs.remove(value)
    if len(graph.inputs) != 1:
        raise BadSource(f"the network must have one input, the picture; it has {[v.name for v in graph.inputs]}")

    common.InlinePass()(model)
    for _ in range(2):  # some shapes are known only once others are numbers
        _infer(model)
        fold_shapes(graph)
        optimizer.fold_constants(model, output_size_limit=LARGEST_FOLD)
    while inline_functions(graph, list(graph)):  # what has no rule, but is defined by what has
        _infer(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.RemoveUnusedNodesPass()(model)
    _bypass(graph)
    _infer(model)
    _refuse_giants(graph)  # before anything of the sort is worked out
    fold_still(graph)
    common.RemoveUnusedNodesPass()(model)
    names = _fold_batch_norms(graph, names)
    common.RemoveUnusedNodesPass()(model)
    common.TopologicalSortPass()(model)
    _infer(model)
    free(graph)
    _refuse_giants(graph)
    return names


def _refuse_giants(graph: ir.Graph) -> None:
    """Raise BadSource for a value that no machine this is made for could hold."""
    for node in graph:
        for value in node.outputs:
            size = math.prod(value.shape.numpy()) if value.shape is not None and value.shape.is_static() else 0
            if size * FLOAT_BYTES > LARGEST_VALUE:
                raise BadSource(
                    f"{node.op_type} {(node.name or value.name)!r} makes {size * FLOAT_BYTES / 1e9:.0f} GB of one"
                    f" picture; {LARGEST_VALUE / 1e9:.0f} GB is the limit"
                )


def _infer(model: ir.Model) -> None:
    for value in model.graph.initializers.values():  # folding leaves some without a type
        if value.type is None and value.const_value is not None:
            value.dtype = value.const_value.dtype
    common.ShapeInferencePass(check_type=False, strict_mode=False)(model)


def _bypass(graph: ir.Graph) -> None:
    """Take out Identity and (at inference) Dropout; a value that only renames another takes the other's place."""
    for node in list(graph):
        if node.op_type not in ("Identity", "Dropout") or node.domain not in ("", "ai.onnx"):
            continue
        source, result = node.inputs[0], node.outputs[0]
        assert source is not None
        if (
            node.op_type == "Identity"
            and (source.is_graph_input() or source.is_initializer())
            and result.is_graph_output()
        ):
            continue  # an output must be computed by a node
        _replace(graph, result, source)
        graph.remove(node, safe=True)


def _replace(graph: ir.Graph, old: ir.Value, new: ir.Value) -> None:
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)


def _fold_batch_norms(graph: ir.Graph, names: Names) -> Names:
    """Fold each BatchNormalization into the convolution before it, or put it as a product and a sum.

    A folded convolution computes what the normalisation did, and answers to the names of both.
    """
    merged = dict(names)
    for node in list(graph):
        if node.op_type != "BatchNormalization" or node.domain not in ("", "ai.onnx"):
            continue
        x, result = node.inputs[0], node.outputs[0]
        constants = [
            v.const_value.numpy().astype(np.float64) for v in node.inputs[1:] if v is not None and v.const_value
        ]
        assert x is not None
        if len(constants) != 4 or node.attributes.get_int("training_mode", False):
            raise BadSource(f"BatchNormalization {node.name!r} has statistics that are not constants")
        gamma, beta, mean, variance = constants
        if len({c.shape for c in constants}) > 1 or gamma.ndim != 1:
            raise BadSource(f"BatchNormalization {node.name!r} has statistics of shapes {[c.shape for c in constants]}")
        scale = gamma / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
        shift = beta - mean * scale
        conv = x.producer()
        if conv is not None and conv.op_type == "Conv" and len(x.uses()) == 1 and not x.is_graph_output():
            weight = conv.inputs[1]
            known = weight.const_value if weight is not None else None
            if known is not None and known.shape[0] == len(gamma):
                _scale_conv(graph, conv, scale, shift, f"{result.name}.bias")
                name = result.name
                if both := (*names.get(x.name or "", ()), *names.get(name or "", ())):
                    merged[name or ""] = both
                _replace(graph, result, x)
                graph.remove(node, safe=True)
                x.name = name
                continue
        _affine(graph, node, scale, shift)
    return merged


def _scale_conv(graph: ir.Graph, conv: ir.Node, scale: np.ndarray, shift: np.ndarray, bias_name: str) -> None:
    weight = conv.inputs[1]
    bias = conv.inputs[2] if len(conv.inputs) > 2 else None
    assert weight is not None
    assert weight.const_value is not None
    old = weight.const_value.numpy()
    new = (old.astype(np.float64) * scale.reshape(-1, 1, 1, 1)).astype(old.dtype)
    if bias is not None:
        assert bias.const_value is not None
        shift = shift + bias.const_value.numpy().astype(np.float64) * scale
    shared = len(weight.uses()) > 1  # a module called twice, normalised differently each time
    stem = f"{weight.name}.{bias_name}" if shared else weight.name or ""
    conv.replace_input_with(1, None)
    if not weight.uses():
        graph.initializers.pop(weight.name or "")
    conv.resize_inputs(3)
    conv.replace_input_with(1, _constant(graph, stem, new))
    conv.replace_input_with(2, _constant(graph, bias_name, shift.astype(old.dtype)))


def _affine(graph: ir.Graph, node: ir.Node, scale: np.ndarray, shift: np.ndarray) -> None:
    x, result = node.inputs[0], node.outputs[0]
    assert x is not None
    rank = len(x.shape) if x.shape is not None else 4
    column = (-1,) + (1,) * (rank - 2)
    name = result.name or ""
    factor = _constant(graph, f"{name}.scale", scale.reshape(column).astype(np.float32))
    term = _constant(graph, f"{name}.shift", shift.reshape(column).astype(np.float32))
    product = ir.Node("", "Mul", [x, factor], name=f"{node.name}.scale")
    product.outputs[0].name = f"{name}.scaled"
    total = ir.Node("", "Add", [product.outputs[0], term], name=f"{node.name}.shift")
    for made in (product, total):
        made.outputs[0].type, made.outputs[0].shape = x.type, x.shape
    graph.insert_before(node, [product, total])
    _replace(graph, result, total.outputs[0])
    graph.remove(node, safe=True)
    total.outputs[0].name = name


def _constant(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.dtype, value.shape = ir.DataType.from_numpy(array.dtype), ir.Shape(array.shape)
    graph.register_initializer(value)
    return value
