"""Bring any ONNX file to opset 18 and float32, without touching its weights.

Checking and converting is onnx's own work, done on the graph without its large weights: a network of any size passes,
and nothing is copied. Float16, bfloat16 and float64 become float32 throughout. Operators that are younger than opset 18
are written out as the functions that ONNX defines them by, and so are those of any age that have no gradient rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    defs,
    helper,
    inliner,
    numpy_helper,
    version_converter,
)
from reverie_gradient import inline_functions

from reverie_export.errors import BadSource
from reverie_export.normalise import OPSET
from reverie_export.sources.guard import STANDARD, TYPES, all_nodes, opset_of, place, size_bytes, subgraphs
from reverie_export.sources.redefined import REDEFINED, born, hold

LARGE = 4096  # bytes: what decides about shapes is smaller, and stays in the graph
OTHER_FLOATS = (TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
WRITTEN_OUT = "reverie.function"  # a domain for the time of the conversion
MISDEFINED = frozenset({"AffineGrid"})  # onnx's function for it squeezes away a batch of one, and fails
FAULTS = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError)

# Where in onnx's own sources a check failed.
NATIVE_PLACE = re.compile(r"(\S+/)?\w+\.(cc|h):\d+: (\w+: )?")


def one_opset(model: ModelProto) -> None:
    """Let the standard operators have one name, ``""``, and one version."""
    opset = opset_of(model)
    others = [i for i in model.opset_import if i.domain not in STANDARD]
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", opset), *others])
    for node in all_nodes(model.graph.node):
        node.domain = "" if node.domain in STANDARD else node.domain


def set_aside(model: ModelProto) -> dict[str, TensorProto]:
    """Take the large weights out of ``model``, by name; inputs of their types and shapes take their places."""
    weights = {
        t.name: t for t in model.graph.initializer if t.data_type != TensorProto.STRING and size_bytes(t) > LARGE
    }
    stated = {value.name for value in model.graph.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in weights]
    for name, tensor in weights.items():
        if name not in stated:
            kind = TensorProto.FLOAT if tensor.data_type in OTHER_FLOATS else tensor.data_type
            model.graph.input.append(helper.make_tensor_value_info(name, kind, tensor.dims))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return weights


def load(tensor: TensorProto, folder: Path) -> np.ndarray:
    """The values of a tensor, inline or external, in float32 where they are floating-point numbers."""
    if tensor.data_location == TensorProto.EXTERNAL:
        location, offset, length = place(tensor)
        inline = TensorProto(data_type=tensor.data_type, dims=tensor.dims, name=tensor.name)
        with open(folder / location, "rb") as file:
            file.seek(offset)
            inline.raw_data = file.read(length)
        tensor = inline
    array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if tensor.data_type in OTHER_FLOATS else array


def give_back(model: ir.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Put the weights that were set aside into a graph again."""
    graph = model.graph
    for value in [*graph.inputs]:
        if (array := weights.get(value.name or "")) is not None:
            graph.inputs.remove(value)
            value.const_value = ir.tensor(array, name=value.name)
            value.dtype, value.shape = value.const_value.dtype, ir.Shape(array.shape)
            graph.register_initializer(value)


def widen(graph: GraphProto, folder: Path) -> None:
    """Let every floating-point number of the graph and its subgraphs be float32, and forget what it says of shapes."""
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in OTHER_FLOATS:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in graph.initializer:
        _widen_tensor(tensor, folder)
    widen_nodes(graph.node, folder)


def widen_nodes(nodes: Iterable[NodeProto], folder: Path) -> None:
    """Let every node, and those in its bodies, calculate in float32."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.INT and attribute.name in TYPES and attribute.i in OTHER_FLOATS:
                attribute.i = TensorProto.FLOAT
            for tensor in (*([attribute.t] if attribute.type == AttributeProto.TENSOR else []), *attribute.tensors):
                _widen_tensor(tensor, folder)
        for body in subgraphs(node):
            widen(body, folder)


def _widen_tensor(tensor: TensorProto, folder: Path) -> None:
    if tensor.data_type in OTHER_FLOATS or tensor.data_location == TensorProto.EXTERNAL:
        tensor.CopyFrom(numpy_helper.from_array(load(tensor, folder), tensor.name))


def check(model: ModelProto) -> None:
    """Let onnx check ``model``, whose large weights are set aside; raise BadSource for what is not valid."""
    try:
        onnx.checker.check_model(model)
    except FAULTS as e:
        raise BadSource(f"it is not valid ONNX: {_told(e)}") from e


def write_out(given: ModelProto) -> ModelProto:
    """Return ``given``, of one size of picture, without functions: its own, and operators that opset 18 does not have.

    Those are defined by ONNX as functions of older ones; the few that are not stay. Every value is given the shape that
    onnx infers. Raises BadSource where types contradict each other.
    """
    opset, model = opset_of(given), ModelProto()
    model.CopyFrom(given)
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True)
    except FAULTS as e:
        raise BadSource(f"its types contradict each other: {_told(e)}") from e
    try:
        if model.functions:
            others = any(i.version != opset for f in model.functions for i in f.opset_import if i.domain in STANDARD)
            model = inliner.inline_local_functions(model, others)
        model = _by_definition(model)
        if opset > OPSET:
            model = _without_young(model, opset)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except FAULTS as e:
        raise BadSource(f"its functions cannot be written out: {_told(e)}") from e


def convert(given: ModelProto) -> ModelProto:
    """Return ``given``, which has no functions, in opset 18; raises BadSource where onnx knows no way to it."""
    opset, model = opset_of(given), ModelProto()
    model.CopyFrom(given)
    held = hold(model, opset)
    try:
        if opset != OPSET:
            model = version_converter.convert_version(model, OPSET)
    except FAULTS as e:
        raise BadSource(f"it cannot be converted from opset {opset} to {OPSET}: {_told(e)}") from e
    for node in all_nodes(model.graph.node):
        node.domain = held.get(node.domain, node.domain)
    stated = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    model.graph.value_info.extend(value for value in given.graph.value_info if value.name not in stated)
    return model


def _by_definition(model: ModelProto) -> ModelProto:
    """Put operators that have no gradient rule, but a definition, as what ONNX defines them by, in any opset."""
    whole = ir.from_proto(onnx.shape_inference.infer_shapes(model, data_prop=True))
    found = False
    while inline_functions(whole.graph, list(whole.graph)):
        found = True
    return ir.to_proto(whole) if found else model


def _without_young(model: ModelProto, opset: int) -> ModelProto:
    """Put the operators that opset 18 does not have as the functions that ONNX defines them by, where it does."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    types = {v.name: v.type for v in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)}
    for tensor in model.graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
    for i, node in enumerate(model.graph.node):
        young = node.op_type in REDEFINED or born(node.op_type) > OPSET
        if node.domain not in STANDARD or not young or node.op_type in MISDEFINED:
            continue
        body = _function(node, [types.get(name, onnx.TypeProto()) for name in node.input], opset)
        if body is not None:
            body.domain, body.name = WRITTEN_OUT, f"{node.op_type}{i}"
            del body.opset_import[:]
            body.opset_import.add(domain="", version=opset)  # a definition means the same in newer opsets
            node.domain, node.op_type = body.domain, body.name
            model.functions.append(body)
    if not model.functions:
        return model
    model.opset_import.append(helper.make_opsetid(WRITTEN_OUT, 1))
    return inliner.inline_local_functions(model)


def _function(node: NodeProto, types: Sequence[onnx.TypeProto], opset: int) -> onnx.FunctionProto | None:
    schema: Any = defs.get_schema(node.op_type, opset)
    stated = {attribute.name for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in stated and attribute.default_value.type != AttributeProto.UNDEFINED:
            node.attribute.append(attribute.default_value)
    if schema.has_function:
        return onnx.FunctionProto.FromString(schema.function_body.SerializeToString())
    if not schema.has_context_dependent_function:
        return None
    described = [t.SerializeToString() for t in types]
    made = schema.get_context_dependent_function(node.SerializeToString(), described)
    return onnx.FunctionProto.FromString(made) if made else None


def _told(error: Exception) -> str:
    """The first telling line of a message of onnx, which goes on to print the node."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("==>")]
    told = [line for line in lines if "ERR" in line or "rror" in line] or lines or [type(error).__name__]
    return NATIVE_PLACE.sub("", told[-1])[:300]
