"""Operators that ONNX defines by simpler ones are replaced by them; all others are kept."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from reverie_gradient import inline_functions, with_gradient

from tests.gradient.gradcheck import evaluate

GATED = "(float[2,3] x, float[2,3] b) => (float[2,3] y) { [gate] h = SwiGLU(x, b) [out] y = Exp(h) }"


def parse(text: str, opset: int = 28) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": {opset}]> g {text}')


def operators(graph: ir.Graph) -> list[str]:
    return [node.op_type for node in graph if node.op_type != "Constant"]


def test_a_definition_replaces_its_operator_and_values_keep_their_names() -> None:
    graph = ir.from_proto(parse(GATED)).graph
    assert inline_functions(graph, list(graph))
    assert operators(graph) == ["Swish", "Mul", "Exp"]  # Swish has a rule
    assert {"x", "b", "h", "y"} <= ir.convenience.create_value_mapping(graph).keys()
    assert not inline_functions(graph, list(graph))


def test_only_the_requested_nodes_are_considered() -> None:
    graph = ir.from_proto(parse(GATED)).graph
    assert not inline_functions(graph, [node for node in graph if node.op_type == "Exp"])
    assert operators(graph) == ["SwiGLU", "Exp"]


def test_operators_off_the_path_are_kept() -> None:
    model = parse("(float[2,3] x, float[2,3] b) => (float[2,3] y, float[2,3] z) { y = SwiGLU(x, x) z = SwiGLU(b, b) }")
    built = with_gradient(model, of="y", wrt="x")
    assert [node.op_type for node in built.graph.node].count("SwiGLU") == 1
    assert [v.name for v in built.graph.output] == ["y", "z", "x_gradient"]


def test_two_of_a_kind_are_replaced_each_by_its_own() -> None:
    body = "h = SwiGLU <alpha = 2.0> (x, b) y = SwiGLU <alpha = 0.5> (h, x)"
    model = parse(f"(double[2,3] x, double[2,3] b) => (double[2,3] y) {{ {body} }}")
    x, b = np.random.default_rng(0).standard_normal((2, 2, 3))

    def swish(v: np.ndarray, alpha: float) -> np.ndarray:
        result: np.ndarray = v / (1 + np.exp(-alpha * v))
        return result

    built = with_gradient(model, of="y", wrt="x")
    (y,) = evaluate(built, ["y"], {"x": x, "b": b, "y_cotangent": np.ones((2, 3))})
    np.testing.assert_allclose(y, swish(swish(x, 2) * b, 0.5) * x, rtol=1e-6)


@pytest.mark.parametrize("attributes", ["", "<is_causal = 1>"])
def test_attention_becomes_few_nodes_also_where_the_number_of_tokens_is_open(attributes: str) -> None:
    model = parse(f"(float[N,4,tokens,8] x) => (float[N,4,tokens,8] y) {{ y = Attention {attributes} (x, x, x) }}", 23)
    graph = ir.from_proto(model).graph
    inline_functions(graph, list(graph))
    assert not {"Expand", "NonZero", "CastLike", "ConstantOfShape"} & set(operators(graph))
    assert "NonZero" not in [node.op_type for node in with_gradient(model, of="y", wrt="x").graph.node]
