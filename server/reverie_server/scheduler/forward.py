"""The graph from a picture to a layer, and how many numbers its nodes compute and read."""

from __future__ import annotations

import math

import onnx_ir as ir
from reverie_ascent.graph.shapes import dims, settle
from reverie_ascent.lowering.rules import is_winograd
from reverie_ascent.models.repository import Model
from reverie_ascent.runtime.session import Device
from reverie_proto.sizes import Size


def forward_graph(model: Model, layer: str, size: Size, batch: int) -> ir.Graph:
    """Return the graph from pictures to a layer, with every shape known."""
    whole = model.graph(layer).graph
    forward = ir.convenience.extract(whole, [whole.inputs[0]], [whole.outputs[0]])
    forward.inputs[0].shape = ir.Shape([batch, model.channels, *size])
    forward.outputs[0].shape = None
    settle(ir.Model(forward, ir_version=9))
    return forward


def output_count(node: ir.Node) -> int:
    """Return how many numbers a node computes."""
    return sum(math.prod(dims(value) or ()) for value in node.outputs)


def weight_count(node: ir.Node, device: Device) -> int:
    """Return how many weights a node reads; a Winograd product reads 6 x 6 numbers for a kernel of 3 x 3."""
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    count = math.prod(dims(node.inputs[1]) or ())
    lowered = device.type.multiplies_rows and not device.exact
    transformed = lowered and node.op_type == "Conv" and is_winograd(node)
    return 4 * count if transformed else count
