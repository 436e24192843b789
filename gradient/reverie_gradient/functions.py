"""Replaces operators by the definitions that ONNX gives for them, before a gradient is built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

import reverie_gradient.rules  # noqa: F401 - fills the table
from reverie_gradient.builder import Builder
from reverie_gradient.coverage import NO_GRADIENT, UNROLLED, UNSUPPORTED
from reverie_gradient.definitions import DEFINITIONS
from reverie_gradient.errors import GradientError
from reverie_gradient.inference import infer_shapes
from reverie_gradient.known import Known
from reverie_gradient.table import RULES, Call, contradictions_reported, is_standard, name_of
from reverie_gradient.term import Term


def inline_functions(graph: ir.Graph, nodes: Iterable[ir.Node], *, all_or_none: bool = True) -> bool:
    """Replace operators that have no rule by their definitions in terms of operators that have one.

    Attention becomes its products and its Softmax, SwiGLU becomes Swish and Mul. The graph computes the same, and its
    values keep their names; a replaced operator's nodes and ``ir.Value`` objects are new ones.

    Args:
        graph: Sorted. It is changed in place, and shapes that it does not state are inferred.
        nodes: Which of its nodes to consider.
        all_or_none: Whether a node whose definition cannot be written, since a shape is not known, is an error. If not,
            it stays as it is.

    Returns:
        Whether anything was replaced. If so, call again, because one definition may use another.

    Raises:
        GradientError: A definition cannot be written for a node.
    """
    chosen = [node for node in nodes if is_function(node)]
    if not chosen:
        return False
    known, left = infer_shapes(graph), []
    for node in chosen:
        try:
            if not _define(graph, node, known):
                left.append(node)
        except GradientError:
            if all_or_none:
                raise
    opset = graph.opset_imports.get("", 0)
    defined = any(node.graph is None for node in chosen)
    left = [node for node in left if node.op_type not in UNROLLED]
    functions = []
    for index, node in enumerate(left):
        body = None
        try:
            with contradictions_reported(node):
                body = _definition(node, opset)
        except GradientError:
            if all_or_none:
                raise
        if body is not None:
            node.overload = body.overload = f"definition{index}"
            functions.append(ir.from_proto(body))
    if functions:
        InlinePass()(ir.Model(graph, ir_version=10, functions=functions))
    return bool(functions) or defined  # some have no definition for their inputs and attributes


def _define(graph: ir.Graph, node: ir.Node, known: Known) -> bool:
    """Replace ``node`` by our own definition of it, if we have one that covers it."""
    if node.op_type not in DEFINITIONS:
        return False
    builder = Builder(graph, name_of(node), constant_nodes=True)
    inputs, outputs = (
        tuple(None if v is None else Term(builder, v, v.dtype or ir.DataType.FLOAT) for v in values)
        for values in (node.inputs, node.outputs)
    )
    with contradictions_reported(node):
        made = DEFINITIONS[node.op_type](Call(node, inputs, outputs, (None,) * len(outputs), 0, known))
    if made is None:
        return False
    builder.replace(node, [term.value for term in made[: len(outputs)]])
    return True


def is_function(node: ir.Node) -> bool:
    """Whether ``node`` is to be replaced by its definition: it has one, and no rule or reason to lack one."""
    if not is_standard(node) or node.op_type in RULES or node.op_type in NO_GRADIENT or node.op_type in UNSUPPORTED:
        return False
    if node.op_type in DEFINITIONS:
        return True
    schema = _schema(node, node.graph.opset_imports.get("", 0) if node.graph is not None else 0)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def _schema(node: ir.Node, opset: int) -> Any:  # the type stubs of onnx lack what schemas know of functions
    try:
        return onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        return None


def _definition(node: ir.Node, opset: int) -> onnx.FunctionProto | None:
    """Return the definition of ``node`` for its inputs and attributes, None where ONNX has none for these."""
    schema = _schema(node, opset)
    assert schema is not None
    for name, attribute in schema.attributes.items():
        if name not in node.attributes and attribute.default_value.type != onnx.AttributeProto.UNDEFINED:
            node.attributes.add(ir.from_proto(attribute.default_value))
    if schema.has_function:
        body = schema.function_body
    else:
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        proto = ir.to_proto(node).SerializeToString()
        types = [_type(value).SerializeToString() for value in node.inputs]
        made = schema.get_context_dependent_function_with_opset_version(max(versions), proto, types)
        if not made:
            return None
        body = onnx.FunctionProto.FromString(made)
    copy = onnx.FunctionProto()
    copy.CopyFrom(body)
    del copy.output[len(node.outputs) :]  # it may not compute optional outputs that the node leaves out
    del copy.opset_import[:]
    copy.opset_import.add(domain="", version=opset)  # the operators of a definition mean the same in newer opsets
    copy.domain = node.domain
    return copy


def _type(value: ir.Value | None) -> onnx.TypeProto:
    proto = onnx.TypeProto()
    if value is not None and value.type is not None:
        proto.CopyFrom(ir.to_proto(value).type)
    return proto
