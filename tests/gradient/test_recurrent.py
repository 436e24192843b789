"""Recurrent layers are unrolled without a change of their result; an error names those that cannot be."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from reverie_gradient import MissingRule, inline_functions, with_gradient

from tests.gradient.cases.recurrent import constant

WIDTHS = {"LSTM": 4, "GRU": 3, "RNN": 1}


def model(operator: str, attributes: str, *, steps: str = "4", inputs: str = "") -> onnx.ModelProto:
    gates = WIDTHS[operator]
    weights = (
        constant("w", 2, 2 * gates, 3).replace("T_", "float"),
        constant("r", 2, 2 * gates, 2).replace("T_", "float"),
    )
    node_attributes = f'<hidden_size = 2, direction = "bidirectional"{attributes}>'
    parsed: onnx.ModelProto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 18]> g (float[{steps},2,3] x) => (float[a,b,c,d] y) '
        f"{{ {' '.join(weights)} y = {operator} {node_attributes} (x, w, r{inputs}) }}"
    )
    return parsed


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("LSTM", ", layout = 0, input_forget = 0"),
        ("LSTM", ', activations = ["Sigmoid", "Relu", "Tanh", "Tanh", "Sigmoid", "Relu"]'),
        ("GRU", ', activations = ["Tanh", "Sigmoid", "Sigmoid", "Tanh"]'),
        ("GRU", ", linear_before_reset = 1"),
        ("RNN", ', activations = ["Relu", "Sigmoid"]'),
    ],
)
def test_an_unrolled_layer_computes_the_same_as_onnx_runtime(operator: str, attributes: str) -> None:
    whole = model(operator, attributes)
    written = ir.from_proto(whole)
    assert inline_functions(written.graph, list(written.graph))
    assert operator not in {node.op_type for node in written.graph}
    x = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
    expected, found = (
        onnxruntime.InferenceSession(m.SerializeToString()).run(None, {"x": x})[0]
        for m in (whole, ir.to_proto(written))
    )
    assert found.shape == expected.shape == (4, 2, 2, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "steps", "inputs"),
    [
        (", clip = 1.0", "4", ""),
        (", input_forget = 1", "4", ""),
        ("", "n", ""),
        ("", "300", ""),
        ("", "4", ", , n"),
        (", activations = [" + ", ".join(['"HardSigmoid"', '"Tanh"', '"Tanh"'] * 2) + "]", "4", ""),
    ],
    ids=["clip", "input_forget", "steps that are free", "too many steps", "lengths", "activations"],
)
def test_a_layer_that_cannot_be_unrolled_is_named_with_the_reason(attributes: str, steps: str, inputs: str) -> None:
    given = model("LSTM", attributes, steps=steps, inputs=inputs)
    if inputs:
        given.graph.input.append(onnx.helper.make_tensor_value_info("n", onnx.TensorProto.INT32, [2]))
    with pytest.raises(MissingRule, match=r"LSTM.* number of its steps is known and at most 256"):
        with_gradient(given, of="y", wrt="x")
