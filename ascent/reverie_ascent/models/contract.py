"""Checks that a layer's graph is what its manifest says: its inputs and outputs, its channels, the order of its nodes.

ONNX Runtime would find most of this when it loads the graph, which is during the first request for the layer, and its
messages name neither the model nor a remedy.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto

#: The most nodes of a graph. A vision transformer with its gradient has a tenth of that.
MAX_NODES = 50_000

INPUTS = ("image", "cotangent")
OUTPUTS = ("activation", "gradient")


def breaches(model: onnx.ModelProto, *, channels: int, picture_channels: int, spatial: bool) -> Iterator[str]:
    """Yield a sentence for each point in which a graph is not what the manifest says.

    Later points are not examined if an earlier one makes them meaningless.
    """
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        yield f"it has {len(graph.node)} nodes, and at most {MAX_NODES} are served"
        return
    weights = {tensor.name for tensor in graph.initializer}
    found = {
        "inputs": tuple(value.name for value in graph.input if value.name not in weights),
        "outputs": tuple(value.name for value in graph.output),
    }
    for kind, needed in (("inputs", INPUTS), ("outputs", OUTPUTS)):
        if sorted(found[kind]) != sorted(needed):
            shown = ", ".join(repr(name[:60]) for name in found[kind][:8]) or "none"
            yield f"its {kind} are {shown} and not {' and '.join(map(repr, needed))}"
            return
    yield from _disorder(graph)
    truth = {"image": picture_channels, "gradient": picture_channels, "cotangent": channels, "activation": channels}
    for value in (*graph.input, *graph.output):
        if value.name in truth:
            rank = 4 if value.name in ("image", "gradient") else None
            yield from _of_another_type(value, truth[value.name], rank)
    if (computed := _computed_channels(model)) is not None and computed != channels:
        yield f"its activation has {computed} channels and the manifest says {channels}"
    dims = next(value for value in graph.output if value.name == "activation").type.tensor_type.shape.dim
    if spatial and len(dims) != 4:
        yield f"its activation has {len(dims)} dimensions, and one with height and width has 4"


def _disorder(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield a sentence if a node reads what no node before it has computed, as in a cycle, or computes it again."""
    known = {"", *(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        for name in node.input:
            if name not in known:
                yield f"node {node.name[:60]!r} reads {name[:60]!r}, which nothing before it computes: a cycle or a gap"
                return
        for name in node.output:
            if name and name in known:
                yield f"node {node.name[:60]!r} computes {name[:60]!r}, which exists already"
                return
            known.add(name)
    for value in graph.output:
        if value.name not in known:
            yield f"nothing computes its output {value.name[:60]!r}"
            return


def _of_another_type(value: onnx.ValueInfoProto, channels: int, rank: int | None) -> Iterator[str]:
    """Yield a sentence if an input or output is not a float32 tensor with these channels."""
    kind = value.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT:
        known = kind.elem_type in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(kind.elem_type) if known else "of an unknown type"
        yield f"{value.name!r} is {name} and not FLOAT"
    elif len(kind.shape.dim) < 2 or (rank is not None and len(kind.shape.dim) != rank):
        yield f"{value.name!r} has {len(kind.shape.dim)} dimensions and not {rank or 'at least 2'}"
    elif kind.shape.dim[1].dim_value != channels:
        said = kind.shape.dim[1].dim_value or "any number of"
        yield f"{value.name!r} has {said} channels and the manifest says {channels}"


def _computed_channels(model: onnx.ModelProto) -> int | None:
    """Return the channels of the activation as the operators and weights make them, whatever the graph declares."""
    declared = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in model.graph.output]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:  # of native code, which has no common type; without an answer the declaration counts
        return None
    finally:
        for value, before in zip(model.graph.output, declared, strict=True):
            value.CopyFrom(before)
    activation = next(value for value in inferred.graph.output if value.name == "activation")
    dims = activation.type.tensor_type.shape.dim
    return dims[1].dim_value or None if len(dims) > 1 else None
