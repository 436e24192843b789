"""Fragments of the step program: small graphs, written in the text format of ONNX, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass
from reverie_gradient import add_gradient

OPSET, IR_VERSION = 18, 9


def fragment(signature: str, body: str, constants: Mapping[str, npt.NDArray[np.generic]] | None = None) -> ir.Model:
    """Return the graph ``signature { body }``, in the text format of ONNX; ``constants`` are its arrays by name.

    Those that the body does not use are left out.
    """
    text = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]> {signature} {{ {body} }}'
    proto = onnx.parser.parse_model(text)
    used = {name for node in proto.graph.node for name in node.input}
    given = {name: array for name, array in (constants or {}).items() if name in used}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in given.items())
    model = ir.from_proto(proto)
    return ShapeInferencePass(check_type=True, strict_mode=True)(model).model


def differentiate(model: ir.Model, *, of: str, wrt: str) -> ir.Model:
    """Add to a fragment the input ``{of}_gradient`` and the output ``{wrt}_gradient``."""
    values = ir.convenience.create_value_mapping(model.graph)
    after = ir.Value(name=f"{of}_gradient")
    (before,) = add_gradient(model.graph, of=values[of], wrt=[values[wrt]], cotangent=after)
    if before is after:  # the value moves with the input one to one
        node = ir.node("Identity", [after])
        model.graph.append(node)
        before = node.outputs[0]
        before.shape, before.type = values[wrt].shape, values[wrt].type
    before.name = f"{wrt}_gradient"
    model.graph.inputs.append(after)
    model.graph.outputs.append(before)
    return model
