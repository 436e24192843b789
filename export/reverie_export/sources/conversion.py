"""Converts any ONNX file to opset 18 and float32.

onnx checks and converts the graph without its large weights, so that a network of any size can be converted and weights
are not copied. Float16, bfloat16 and float64 become float32. Operators that are newer than opset 18, or have no
gradient rule, are replaced by the functions that ONNX defines them by.
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
from reverie_export.sources.guard import STANDARD, TYPES, all_nodes, location_of, opset_of, size_bytes, subgraphs
from reverie_export.sources.redefined import REDEFINED, first_opset, repair

LARGE = 4096  # bytes: constants that determine shapes are smaller, and stay in the graph
OTHER_FLOATS = (TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
OF_MAPS = frozenset(("CastMap", "DictVectorizer", "ZipMap"))
INLINED = "reverie.function"  # a domain used during the conversion
MISDEFINED = frozenset({"AffineGrid"})  # onnx's function for it squeezes a batch of one, and fails
FAULTS = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError)

# The position in onnx's sources where a check failed.
NATIVE_PLACE = re.compile(r"(\S+/)?\w+\.(cc|h):\d+: (\w+: )?")


def one_opset(model: ModelProto) -> None:
    """Give the standard operators one domain, ``""``, and one version."""
    opset = opset_of(model)
    others = [i for i in model.opset_import if i.domain not in STANDARD]
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", opset), *others])
    for node in all_nodes(model.graph.node):
        node.domain = "" if node.domain in STANDARD else node.domain


def drop_maps(model: ModelProto) -> None:
    """Drop outputs that are maps, which classifiers of tables add; what they were made from takes their place."""
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    for value in [v for v in graph.output if _holds_maps(v.type)]:
        graph.output.remove(value)
        node = made_by.get(value.name)
        left = {output.name for output in graph.output}
        if node is not None and node.input[:1] and node.input[0] in made_by and node.input[0] not in left:
            graph.output.append(helper.make_empty_tensor_value_info(node.input[0]))
    for value in [v for v in graph.value_info if _holds_maps(v.type)]:
        graph.value_info.remove(value)
    for node in graph.node:  # onnx would infer maps again
        if node.op_type in OF_MAPS and node.domain == "ai.onnx.ml":
            node.domain = "ai.onnx.ml.maps"
            model.opset_import.append(helper.make_opsetid(node.domain, 1))


def _holds_maps(kind: onnx.TypeProto) -> bool:
    while kind.HasField("sequence_type"):
        kind = kind.sequence_type.elem_type
    return bool(kind.HasField("map_type"))


def detach_weights(model: ModelProto) -> dict[str, TensorProto]:
    """Replace the large weights of ``model`` by inputs of their types and shapes; return them by name."""
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
    """Return the values of a tensor, inline or external; floating-point numbers in float32."""
    if tensor.data_location == TensorProto.EXTERNAL:
        location, offset, length = location_of(tensor)
        inline = TensorProto(data_type=tensor.data_type, dims=tensor.dims, name=tensor.name)
        with open(folder / location, "rb") as file:
            file.seek(offset)
            inline.raw_data = file.read(length)
        tensor = inline
    array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if tensor.data_type in OTHER_FLOATS else array


def attach_weights(model: ir.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Replace the inputs of `detach_weights` by their weights again."""
    graph = model.graph
    for value in [*graph.inputs]:
        if (array := weights.get(value.name or "")) is not None:
            graph.inputs.remove(value)
            value.const_value = ir.tensor(array, name=value.name)
            value.dtype, value.shape = value.const_value.dtype, ir.Shape(array.shape)
            graph.register_initializer(value)


def to_float32(graph: GraphProto, folder: Path) -> None:
    """Convert all floating-point numbers of the graph and its subgraphs to float32, and drop its stated shapes."""
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in OTHER_FLOATS:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in graph.initializer:
        _tensor_to_float32(tensor, folder)
    nodes_to_float32(graph.node, folder)


def nodes_to_float32(nodes: Iterable[NodeProto], folder: Path) -> None:
    """Convert the attributes of all nodes, and of those in their bodies, to float32."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.INT and attribute.name in TYPES and attribute.i in OTHER_FLOATS:
                attribute.i = TensorProto.FLOAT
            for tensor in (*([attribute.t] if attribute.type == AttributeProto.TENSOR else []), *attribute.tensors):
                _tensor_to_float32(tensor, folder)
        for body in subgraphs(node):
            to_float32(body, folder)


def _tensor_to_float32(tensor: TensorProto, folder: Path) -> None:
    if tensor.data_type in OTHER_FLOATS or tensor.data_location == TensorProto.EXTERNAL:
        tensor.CopyFrom(numpy_helper.from_array(load(tensor, folder), tensor.name))


def check(model: ModelProto) -> None:
    """Run onnx's checker on ``model``, without its large weights; raise BadSource if it is not valid."""
    try:
        onnx.checker.check_model(model)
    except FAULTS as e:
        raise BadSource(f"it is not valid ONNX: {_reason(e)}") from e


def inline_definitions(given: ModelProto) -> ModelProto:
    """Return ``given``, for a picture of fixed size, without functions and without operators newer than opset 18.

    Most of those are defined by ONNX as functions of older ones; the others stay. Every value gets the shape that onnx
    infers. Raises BadSource if types contradict each other.
    """
    opset, model = opset_of(given), ModelProto()
    model.CopyFrom(given)
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True)
    except FAULTS as e:
        raise BadSource(f"its types contradict each other: {_reason(e)}") from e
    try:
        if model.functions:
            others = any(i.version != opset for f in model.functions for i in f.opset_import if i.domain in STANDARD)
            model = inliner.inline_local_functions(model, others)
        model = _inline_without_rule(model)
        if opset > OPSET:
            model = _inline_newer(model, opset)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except FAULTS as e:
        raise BadSource(f"its functions cannot be written out: {_reason(e)}") from e


def convert(given: ModelProto) -> ModelProto:
    """Return ``given``, which has no functions, in opset 18; raises BadSource if onnx cannot convert it."""
    opset, model = opset_of(given), ModelProto()
    model.CopyFrom(given)
    protected = repair(model, opset)
    try:
        if opset != OPSET:
            model = version_converter.convert_version(model, OPSET)
    except FAULTS as e:
        raise BadSource(f"it cannot be converted from opset {opset} to {OPSET}: {_reason(e)}") from e
    for node in all_nodes(model.graph.node):
        node.domain = protected.get(node.domain, node.domain)
    stated = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    model.graph.value_info.extend(value for value in given.graph.value_info if value.name not in stated)
    return model


def _inline_without_rule(model: ModelProto) -> ModelProto:
    """Replace operators that have no gradient rule by their definitions, in any opset."""
    whole = ir.from_proto(onnx.shape_inference.infer_shapes(model, data_prop=True))
    found = False
    while inline_functions(whole.graph, list(whole.graph), all_or_none=False):
        found = True
    return ir.to_proto(whole) if found else model


def _inline_newer(model: ModelProto, opset: int) -> ModelProto:
    """Replace the operators that opset 18 does not have by the functions that ONNX defines them by, if it does."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    types = {v.name: v.type for v in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)}
    for tensor in model.graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
    for i, node in enumerate(model.graph.node):
        newer = node.op_type in REDEFINED or first_opset(node.op_type) > OPSET
        if node.domain not in STANDARD or not newer or node.op_type in MISDEFINED:
            continue
        body = _function(node, [types.get(name, onnx.TypeProto()) for name in node.input], opset)
        if body is not None:
            body.domain, body.name = INLINED, f"{node.op_type}{i}"
            del body.opset_import[:]
            body.opset_import.add(domain="", version=opset)  # a definition means the same in newer opsets
            node.domain, node.op_type = body.domain, body.name
            model.functions.append(body)
    if not model.functions:
        return model
    model.opset_import.append(helper.make_opsetid(INLINED, 1))
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


def _reason(error: Exception) -> str:
    """Return the informative line of a message of onnx, which goes on to print the node."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("==>")]
    informative = [line for line in lines if "ERR" in line or "rror" in line] or lines or [type(error).__name__]
    return NATIVE_PLACE.sub("", informative[-1])[:300]
