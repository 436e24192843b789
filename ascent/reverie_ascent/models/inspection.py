"""Checks that a graph from a model folder can only compute numbers, even if the folder's author is not trusted.

A digest proves that a file is the one that the manifest names, but not who wrote the manifest. So each graph is
inspected before it is used: it may contain only standard numeric operators, without control flow, functions or other
domains, and only weights within the folder's file of weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache

import onnx
import onnx_ir as ir

#: The most bytes of a manifest, and of a graph, whose weights are in another file.
MAX_MANIFEST_BYTES = 16 * 2**20
MAX_GRAPH_BYTES = 256 * 2**20

#: The names of the standard domain.
STANDARD = ("", "ai.onnx")

#: The properties by which a graph refers to weights in another file.
EXTERNAL = {"location", "offset", "length", "checksum"}


def problems(model: onnx.ModelProto, *, weights: str, weights_bytes: int) -> Iterator[str]:
    """Yield a sentence for each thing that a graph must not contain, given the name and size of the file of weights."""
    if model.functions:
        yield f"it defines functions of its own, such as {model.functions[0].name[:60]!r}"
    for opset in model.opset_import:
        if opset.domain not in STANDARD:
            yield f"it uses operators of the domain {opset.domain[:60]!r}"
    if model.graph.sparse_initializer:
        yield "it has sparse weights"
    for node in model.graph.node:
        if node.domain not in STANDARD:
            yield f"node {node.name[:60]!r} is of the domain {node.domain[:60]!r}"
        elif node.op_type not in allowed():
            yield f"operator {node.op_type[:60]!r} is not one of those that networks are made of"
    tensors = [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    tensors += [tensor for node in model.graph.node for attribute in node.attribute for tensor in attribute.tensors]
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield f"a constant, {tensor.name[:60]!r}, is in another file"
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield from _external(tensor, weights, weights_bytes)


def _external(tensor: onnx.TensorProto, weights: str, weights_bytes: int) -> Iterator[str]:
    reference = {entry.key: entry.value for entry in tensor.external_data}
    name = tensor.name[:60]
    if unknown := reference.keys() - EXTERNAL:
        yield f"weight {name!r} says {min(unknown)[:60]!r} of its place"
    if reference.get("location") != weights:
        yield f"weight {name!r} is in {reference.get('location', '')[:60]!r} and not in {weights!r}"
    try:
        offset, length = (_number(reference.get(key, "")) for key in ("offset", "length"))
    except ValueError:
        yield f"weight {name!r} has no offset and length"
    else:
        if offset + length > weights_bytes:
            yield f"weight {name!r} is said to end at byte {offset + length} of the {weights_bytes} in {weights!r}"
        if length != (needed := _size(tensor)):
            yield f"weight {name!r} is said to have {length} bytes, and its shape and type take {needed}"


def _size(tensor: onnx.TensorProto) -> int | None:
    """Return the bytes of a tensor's contents, or None if its type is unknown or has no fixed size."""
    try:
        bits = ir.DataType(tensor.data_type).bitwidth
    except (TypeError, ValueError):
        return None
    return -(-math.prod(tensor.dims) * bits // 8)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ValueError(text)
    return int(text)


@cache
def allowed() -> frozenset[str]:
    """Return the standard operators that compute numbers from numbers, deterministically and without control flow.

    The schemas decide: operators with graphs as attributes are control flow, operators on sequences, optional values or
    texts are not needed for pictures, and random operators would make pictures that cannot be reproduced.
    """
    latest: dict[str, onnx.defs.OpSchema] = {}
    for schema in onnx.defs.get_all_schemas():
        if schema.domain == "" and not schema.deprecated:
            latest[schema.name] = schema
    return frozenset(
        name
        for name, schema in latest.items()
        if not name.startswith(("Random", "Bernoulli", "Multinomial"))
        and not any(each.type == onnx.defs.OpSchema.AttrType.GRAPH for each in schema.attributes.values())
        and all(_numeric(each.types) for each in (*schema.inputs, *schema.outputs))
    )


def _numeric(types: Iterable[str]) -> bool:
    return any(kind.startswith("tensor(") and kind != "tensor(string)" for kind in types)
