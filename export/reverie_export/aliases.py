"""Further names of layers: without the module that wraps the network, and VGG's own for a network of its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

HEAD = ("fc6", "fc7", "logits")  # what VGG's three linear maps are called
BLOCKS = 5  # pools of VGG before them
KERNEL = 3  # pixels: the side of all of VGG's kernels
FEWEST = 2  # pools of a network that is named like VGG, and paths that can have something in common

# What stands between the layers of a plain chain and changes no value.
BETWEEN = frozenset(("AveragePool", "Flatten", "GlobalAveragePool", "ReduceMean", "Reshape", "Transpose"))


def without_wrapper(names: Sequence[str]) -> dict[str, str]:
    """Return for each name the part after the modules that all paths begin with, as in ``model.layer1.0.conv1``.

    A LightningModule or DataParallel is such a module. Names without a path, of what it computes itself, do not count.
    """
    paths = {name: name.split(".") for name in names if "." in name}
    if len(paths) < FEWEST:
        return {}
    shared = 0
    while len({path[shared] for path in paths.values()}) == 1 and min(map(len, paths.values())) > shared + 1:
        shared += 1
    short = {name: ".".join(path[shared:]) for name, path in paths.items()} if shared else {}
    return {name: alias for name, alias in short.items() if not alias.isdecimal()}


def vgg_names(graph: ir.Graph) -> Mapping[str, str]:
    """Return names such as ``conv3_2`` of values, if the graph is a plain chain as VGG is; otherwise none.

    A plain chain has 3 x 3 convolutions, each followed by a ReLU, with pools between the blocks, and linear maps at the
    end.
    """
    names: dict[str, str] = {}
    block, conv, linear, value = 1, 0, 0, graph.inputs[0]
    while len(users := value.uses()) == 1 and not value.is_graph_output():
        node = next(iter(users)).node
        value = node.outputs[0]
        shape = node.inputs[1].shape if len(node.inputs) > 1 and node.inputs[1] is not None else None
        name = ""
        if node.op_type == "Conv" and not linear and shape is not None and tuple(shape.numpy()[2:]) == (KERNEL, KERNEL):
            conv += 1
            name = f"conv{block}_{conv}"
        elif node.op_type == "Relu" and linear:
            name = f"relu{5 + linear}" if linear < len(HEAD) and block == BLOCKS + 1 else ""
        elif node.op_type == "Relu" and conv:
            name = f"relu{block}_{conv}"
        elif node.op_type == "MaxPool" and conv:
            name, block, conv = f"pool{block}", block + 1, 0
        elif node.op_type in ("Gemm", "MatMul"):
            linear += 1
            bias = _bias_of(value)
            value = bias if bias is not None else value
            name = HEAD[linear - 1] if linear <= len(HEAD) and block == BLOCKS + 1 else ""
        elif node.op_type not in BETWEEN:
            break
        if name:
            names[value.name or ""] = name
    return names if block > FEWEST else {}


def _bias_of(value: ir.Value) -> ir.Value | None:
    """Return the sum that completes a linear map written as MatMul + Add."""
    (use,) = uses if len(uses := value.uses()) == 1 else (None,)
    return use.node.outputs[0] if use is not None and use.node.op_type == "Add" else None
