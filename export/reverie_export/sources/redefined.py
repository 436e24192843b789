"""Repairs for what onnx's version converter does wrong, or cannot do, between opset 7 and the newest.

A repaired node is protected from the converter by a domain of its own. What opset 18 cannot express stays in the graph
under a domain that says so, and only the layers that depend on it are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper

from reverie_export.normalise import OPSET
from reverie_export.sources.guard import STANDARD, all_nodes, subgraphs

PROTECTED = "reverie.held"  # during the conversion

# Operators of opset 18 whose meaning has changed, and in which opset.
REDEFINED = {"GroupNormalization": 21}

# Attributes that are newer than opset 18: their opset, and the value at which the operator is as before.
NEWER_ATTRIBUTES = {
    ("AveragePool", "dilations"): (19, 1),
    ("DequantizeLinear", "block_size"): (21, 0),
    ("QuantizeLinear", "block_size"): (21, 0),
    ("QuantizeLinear", "precision"): (23, 0),
    ("SpaceToDepth", "mode"): (28, b"DCR"),
}

# Attributes that concern 8-bit floats only, which opset 18 does not have.
FLOAT8_ATTRIBUTES = ("round_mode", "saturate")

# They take more types since opset 18 and mean the same; the converter cannot convert them down.
UNCHANGED = frozenset(("ConstantOfShape", "GlobalMaxPool"))

# Names of modes that opset 20 changed.
GRID_SAMPLE_MODES = {b"linear": b"bilinear", b"cubic": b"bicubic"}


def repair(model: ModelProto, opset: int) -> Mapping[str, str]:
    """Repair ``model`` in place, before its conversion; return what each domain is to become after it."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for graph in _graphs(model.graph):
        constants |= {tensor.name: tensor for tensor in graph.initializer}
        constants |= {
            node.output[0]: node.attribute[0].t
            for node in graph.node
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value"
        }
    for graph in _graphs(model.graph):
        nodes = [made for node in graph.node for made in _repaired(node, opset, constants)]
        del graph.node[:]
        graph.node.extend(nodes)
    after = {
        node.domain: "" if node.domain == PROTECTED else node.domain
        for node in all_nodes(model.graph.node)
        if node.domain == PROTECTED or node.domain.startswith("ai.onnx.opset")
    }
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in after)
    return after


@cache
def first_opset(op_type: str) -> int:
    """Return the first opset with an operator, 0 for one that onnx does not know."""
    versions = [s.since_version for s in defs.get_all_schemas_with_history() if s.name == op_type and s.domain == ""]
    return min(versions, default=0)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for body in subgraphs(node):
            yield from _graphs(body)


Constants = Mapping[str, TensorProto]


def _repaired(node: NodeProto, opset: int, constants: Constants) -> list[NodeProto]:
    if node.domain not in STANDARD:
        return [node]
    if opset > OPSET:
        _lower_opset(node)
    elif (old := OLD.get(node.op_type)) is not None and opset <= old[0]:
        return old[1](node, constants)
    return [node]


# ----- from newer opsets -----


def _lower_opset(node: NodeProto) -> None:
    since = max(first_opset(node.op_type), REDEFINED.get(node.op_type, 0))
    for attribute in list(node.attribute):
        if attribute.name in FLOAT8_ATTRIBUTES:
            node.attribute.remove(attribute)
            continue
        if (newer := NEWER_ATTRIBUTES.get((node.op_type, attribute.name))) is None:
            continue
        version, neutral = newer
        value = helper.get_attribute_value(attribute)
        if value == neutral or (isinstance(value, list) and set(value) <= {neutral}):
            node.attribute.remove(attribute)
        else:
            since = max(since, version)
    if since > OPSET:
        node.domain = f"ai.onnx.opset{since}"
    elif node.op_type in UNCHANGED:
        node.domain = PROTECTED
    elif node.op_type == "GridSample":
        node.domain = PROTECTED
        for attribute in node.attribute:
            if attribute.name == "mode":
                attribute.s = GRID_SAMPLE_MODES.get(attribute.s, attribute.s)


# ----- from older opsets -----


def _resize(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Write Upsample, and Resize of opset 10, as a Resize that reads at i / scale, which later is not the default.

    Mode "nearest" rounds down when enlarging and up when shrinking, as in ONNX's test of Resize in opset 10,
    "test_resize_downsample_nearest".
    """
    stated = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    made = []
    scales = stated.get("scales")
    if scales is None:
        name = node.input[1]
        known = constants.get(name)
        scales = numpy_helper.to_array(known).ravel().tolist() if known is not None else []  # a bad file may nest them
    else:
        name = f"{node.output[0]}.scales"
        tensor = helper.make_tensor(name, TensorProto.FLOAT, [len(scales)], scales)
        made.append(helper.make_node("Constant", [], [name], value=tensor))
    shrinks = bool(scales) and max(scales) <= 1
    resize = helper.make_node(
        "Resize",
        [node.input[0], "", name],
        node.output,
        name=node.name,
        domain=PROTECTED,
        mode=stated.get("mode", b"nearest"),
        coordinate_transformation_mode="asymmetric",
        nearest_mode="ceil" if shrinks else "floor",
    )
    return [*made, resize]


def _hardmax(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Write Hardmax over all axes from ``axis`` on, its meaning before opset 13, as that of the rows of a matrix."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    x, y = node.input[0], node.output[0]
    shape, rows, chosen = (f"{y}.{part}" for part in ("shape", "rows", "chosen"))
    return [
        helper.make_node("Shape", [x], [shape]),
        helper.make_node("Flatten", [x], [rows], axis=axis),
        helper.make_node("Hardmax", [rows], [chosen], name=node.name, domain=PROTECTED, axis=-1),
        helper.make_node("Reshape", [chosen, shape], [y]),
    ]


def _batch_norm(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Remove ``spatial = 0``, of opset 7 and 8, if statistics of one axis show that there are no positions."""
    for attribute in list(node.attribute):
        scale = constants.get(node.input[1])
        if attribute.name == "spatial" and scale is not None and len(scale.dims) == 1:
            node.attribute.remove(attribute)
    return [node]


# The last opset in which an operator meant something that the converter does not handle, and its repair.
OLD: dict[str, tuple[int, Callable[[NodeProto, Constants], list[NodeProto]]]] = {
    "BatchNormalization": (8, _batch_norm),
    "Hardmax": (12, _hardmax),
    "Resize": (10, _resize),
    "Upsample": (9, _resize),
}
