"""Computes convolutions and fully connected layers in bfloat16, and all other nodes in float32, for GPUs.

The operands are rounded to eight bits of precision and the products are summed in float32, as torch's autocast does.
The decoder, the transforms and the masks stay in float32: a mask compares a value with its maximum, and rounding would
make the two unequal.
"""

from __future__ import annotations

import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.lowering.rewrite import Rewrite

OPERATORS = ("Conv", "ConvTranspose", "Gemm")
OPSET = 22
"""The first opset that allows convolutions in bfloat16."""


class RoundOperands(Rewrite):
    """Compute convolutions and fully connected layers in bfloat16, and raise the opset to one that allows that."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Round the operands of every such node, each operand once, and convert the results to float32."""
        graph = model.graph
        builder = Builder(graph)
        rounded: dict[ir.Value, ir.Value] = {}

        def cast(value: ir.Value, kind: ir.DataType, name: str) -> ir.Value:
            result = builder.op("Cast", [value], name=name, to=int(kind))
            result.type, result.shape = ir.TensorType(kind), value.shape
            return result

        for node in list(graph):
            if node.op_type not in OPERATORS or node.domain:
                continue
            for i, value in enumerate(node.inputs):
                if value is None:
                    continue
                if value not in rounded:
                    rounded[value] = cast(value, ir.DataType.BFLOAT16, f"{value.name}/bfloat16")
                node.replace_input_with(i, rounded[value])
            builder.insert_before(node)
            (output,) = node.outputs
            readers, is_output = tuple(output.uses()), output.is_graph_output()
            result = cast(output, ir.DataType.FLOAT, f"{output.name}/float")
            builder.insert_after(node)
            for reader, index in readers:
                reader.replace_input_with(index, result)
            if is_output:
                graph.outputs[list(graph.outputs).index(output)] = result
                output.name, result.name = result.name, output.name
            output.type = ir.TensorType(ir.DataType.BFLOAT16)
        graph.opset_imports[""] = OPSET
        return ir.passes.PassResult(model, bool(rounded))

    def ensures(self, model: ir.Model) -> None:
        """Raise PostconditionError if the opset does not allow bfloat16, or for the reasons of every rewrite."""
        super().ensures(model)
        if model.graph.opset_imports[""] < OPSET:
            raise ir.passes.PostconditionError(f"convolutions in bfloat16 need opset {OPSET}")
