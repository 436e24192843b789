"""What onnx's converter gets wrong between opset 7 and the newest, or does not know: it is put right around it.

A node that is mended is held back from the converter in a domain of its own, and comes out of it as it went in. What
opset 18 cannot say stays in the graph under a name that says so, and only the layers behind it are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper

from reverie_export.normalise import OPSET
from reverie_export.sources.guard import STANDARD, all_nodes, subgraphs

HELD = "reverie.held"  # for the time of the conversion

# Operators of opset 18 that mean something else since, and since when.
REDEFINED = {"GroupNormalization": 21}

# Attributes that are younger than opset 18: since when, and the value at which the operator is what it was without.
YOUNG_ATTRIBUTES = {
    ("AveragePool", "dilations"): (19, 1),
    ("DequantizeLinear", "block_size"): (21, 0),
    ("QuantizeLinear", "block_size"): (21, 0),
    ("QuantizeLinear", "precision"): (23, 0),
    ("SpaceToDepth", "mode"): (28, b"DCR"),
}

# Attributes that say something of numbers of 8 bits only, which opset 18 does not have.
OF_SMALL_FLOATS = ("round_mode", "saturate")

# They take more types since opset 18 and mean the same; the converter lacks a step on their way down.
UNCHANGED = frozenset(("ConstantOfShape", "GlobalMaxPool"))

# What opset 20 calls differently.
GRID_SAMPLE_MODES = {b"linear": b"bilinear", b"cubic": b"bicubic"}


def hold(model: ModelProto, opset: int) -> Mapping[str, str]:
    """Mend ``model`` in place, before its conversion; return what each domain is to become after it."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for graph in _graphs(model.graph):
        constants |= {tensor.name: tensor for tensor in graph.initializer}
        constants |= {
            node.output[0]: node.attribute[0].t
            for node in graph.node
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value"
        }
    for graph in _graphs(model.graph):
        nodes = [made for node in graph.node for made in _mended(node, opset, constants)]
        del graph.node[:]
        graph.node.extend(nodes)
    after = {
        node.domain: "" if node.domain == HELD else node.domain
        for node in all_nodes(model.graph.node)
        if node.domain == HELD or node.domain.startswith("ai.onnx.opset")
    }
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in after)
    return after


@cache
def born(op_type: str) -> int:
    """The opset that brought an operator; 0 for one that onnx does not know."""
    versions = [s.since_version for s in defs.get_all_schemas_with_history() if s.name == op_type and s.domain == ""]
    return min(versions, default=0)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for body in subgraphs(node):
            yield from _graphs(body)


Constants = Mapping[str, TensorProto]


def _mended(node: NodeProto, opset: int, constants: Constants) -> list[NodeProto]:
    if node.domain not in STANDARD:
        return [node]
    if opset > OPSET:
        _bring_down(node)
    elif (old := OLD.get(node.op_type)) is not None and opset <= old[0]:
        return old[1](node, constants)
    return [node]


# ----- from newer opsets -----


def _bring_down(node: NodeProto) -> None:
    since = max(born(node.op_type), REDEFINED.get(node.op_type, 0))
    for attribute in list(node.attribute):
        if attribute.name in OF_SMALL_FLOATS:
            node.attribute.remove(attribute)
            continue
        if (young := YOUNG_ATTRIBUTES.get((node.op_type, attribute.name))) is None:
            continue
        version, neutral = young
        value = helper.get_attribute_value(attribute)
        if value == neutral or (isinstance(value, list) and set(value) <= {neutral}):
            node.attribute.remove(attribute)
        else:
            since = max(since, version)
    if since > OPSET:
        node.domain = f"ai.onnx.opset{since}"
    elif node.op_type in UNCHANGED:
        node.domain = HELD
    elif node.op_type == "GridSample":
        node.domain = HELD
        for attribute in node.attribute:
            if attribute.name == "mode":
                attribute.s = GRID_SAMPLE_MODES.get(attribute.s, attribute.s)


# ----- from older opsets -----


def _enlargement(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Say of Upsample, and of Resize in opset 10, where they read: at i / scale, which later is not the default.

    Mode "nearest" takes the whole number below when enlarging and above when shrinking, as the test of Resize in
    opset 10 has it, "test_resize_downsample_nearest".
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
        domain=HELD,
        mode=stated.get("mode", b"nearest"),
        coordinate_transformation_mode="asymmetric",
        nearest_mode="ceil" if shrinks else "floor",
    )
    return [*made, resize]


def _flat_hardmax(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Write Hardmax over all axes from ``axis`` on, its meaning before opset 13, as that of the rows of a matrix."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    x, y = node.input[0], node.output[0]
    shape, rows, chosen = (f"{y}.{part}" for part in ("shape", "rows", "chosen"))
    return [
        helper.make_node("Shape", [x], [shape]),
        helper.make_node("Flatten", [x], [rows], axis=axis),
        helper.make_node("Hardmax", [rows], [chosen], name=node.name, domain=HELD, axis=-1),
        helper.make_node("Reshape", [chosen, shape], [y]),
    ]


def _plain_batch_norm(node: NodeProto, constants: Constants) -> list[NodeProto]:
    """Forget ``spatial = 0``, of opset 7 and 8, where statistics of one axis show that there are no positions."""
    for attribute in list(node.attribute):
        scale = constants.get(node.input[1])
        if attribute.name == "spatial" and scale is not None and len(scale.dims) == 1:
            node.attribute.remove(attribute)
    return [node]


# The last opset in which an operator meant something that the converter does not say, and how it is said instead.
OLD: dict[str, tuple[int, Callable[[NodeProto, Constants], list[NodeProto]]]] = {
    "BatchNormalization": (8, _plain_batch_norm),
    "Hardmax": (12, _flat_hardmax),
    "Resize": (10, _enlargement),
    "Upsample": (9, _enlargement),
}
