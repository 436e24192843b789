"""The evaluator calculates in float64, whatever the constants of a graph are."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, numpy_helper
from reverie_export.evaluate import Memo, evaluate

from tests.gradient import gradcheck
from tests.gradient.all_cases import CASES
from tests.gradient.gradcheck import Case

# What is computed from constants alone has the file's own precision, as it has in every runtime; these rows do that.
FROM_CONSTANTS = ("RotaryEmbedding", "Resize")
# Of old operator sets, or with integers drawn from what the oracle does not take.
SKIPPED = ("DynamicQuantizeLinear", "QuantizeLinear", "RoiAlign", "Cast <to = 1> (X)", "value_ints = [1, -1, 0, 2]")


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Round the constants of a float64 model to float32, as those of its twin in float32 are."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.DOUBLE:
                array = numpy_helper.to_array(attribute.t).astype(np.float32).astype(np.float64)
                attribute.t.CopyFrom(numpy_helper.from_array(array, attribute.t.name))
    return model


@pytest.mark.parametrize(
    "case", [c for c in CASES if not any(part in c.body for part in SKIPPED)], ids=lambda c: f"{c.body} {c.x}"
)
def test_an_operator_of_a_float32_graph_is_evaluated_in_float64(case: Case) -> None:
    feeds = case.feeds(np.random.default_rng(0))
    (expected,) = gradcheck.evaluate(rounded(case.model()), ["Y"], feeds)
    graph = ir.from_proto(onnx.shape_inference.infer_shapes(case.model("float"))).graph
    found = evaluate(graph, feeds, ["Y"])["Y"]
    if np.issubdtype(expected.dtype, np.floating):
        assert found.dtype == np.float64
    exact = not case.operators.intersection(FROM_CONSTANTS)
    np.testing.assert_allclose(found, expected, rtol=1e-12 if exact else 1e-6, atol=1e-12 if exact else 1e-6)


# Bodies whose output ends with the numbers of x [2, 3], beside constants that graphs come by in different ways.
KEEPING = {
    "an initializer": "y = Concat <axis = 0> (token, x)",
    "an expanded initializer": """s = Shape (x) n = Gather (s, zero) m = Unsqueeze (n, axes)
        t = Concat <axis = 0> (m, three) e = Expand (token, t) y = Concat <axis = 0> (e, x)""",
    "a constant of the picture's shape": "s = Shape (x) c = ConstantOfShape (s) y = Concat <axis = 0> (c, x)",
    "random numbers": "r = RandomNormalLike (x) y = Concat <axis = 0> (r, x)",
    "integers cast to floats": "s = Shape (x) f = Cast <to = 1> (s) g = Expand (f, twice) y = Concat <axis = 1> (g, x)",
    "a comparison cast to floats": "b = Greater (x, token) f = Cast <to = 1> (b) y = Concat <axis = 0> (f, x)",
    "a choice": "b = IsNaN (x) c = Where (b, token, x) y = Concat <axis = 0> (token, c)",
    "a cast to float32": "c = Cast <to = 1> (x) y = Concat <axis = 0> (token, c)",
    "a branch": """yes = Constant <value = bool {1}> () y = If (yes) <
        then_branch = t () => (float[k, 3] p) { p = Concat <axis = 0> (token, x) },
        else_branch = e () => (float[k, 3] q) { q = Neg (x) }>""",
}


@pytest.mark.parametrize("body", KEEPING.values(), ids=KEEPING)
def test_a_float32_constant_leaves_what_depends_on_the_picture_in_float64(body: str) -> None:
    text = f'<ir_version: 8, opset_import: ["": 18]> net (float[2,3] x) => (float[n,m] y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    constants = {
        "token": np.array([[0.1, 0.2, 0.3]], np.float32),
        "zero": np.array(0),
        "axes": np.array([0]),
        "three": np.array([3]),
        "twice": np.array([2, 2]),
    }
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items() if n in body)
    x = np.random.default_rng(0).standard_normal((2, 3))
    found = evaluate(ir.from_proto(model).graph, {"x": x}, ["y"])["y"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[-2:, -3:], x)


def test_what_cannot_be_evaluated_costs_only_what_needs_it() -> None:
    text = """<ir_version: 8, opset_import: ["": 18]> net (float[1,6] x) => (float[n,m] y)
        { a = Relu (x) b = Reshape (a, wrong) c = Neg (b) y = Exp (a) }"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(numpy_helper.from_array(np.array([4, 4]), "wrong"))
    found = evaluate(ir.from_proto(model).graph, {"x": np.ones((1, 6))}, ["a", "c", "y"], partly=True)
    assert found.keys() == {"a", "y"}


def test_graphs_that_share_a_memo_differ_where_their_attributes_do() -> None:
    memo, results = Memo(), []
    for alpha in (0.1, 0.2):
        text = f"""<ir_version: 8, opset_import: ["": 18]> net (float[1,2] x) => (float[1,2] y)
            {{ a = LeakyRelu <alpha = {alpha}> (x) y = Neg (a) }}"""
        graph = ir.from_proto(onnx.parser.parse_model(text)).graph
        results.append(evaluate(graph, {"x": np.array([[-1.0, 1.0]])}, ["y"], memo=memo)["y"])
    np.testing.assert_allclose(results, [[[0.1, -1]], [[0.2, -1]]], rtol=1e-6)


def test_what_depends_on_a_single_input_is_in_float32() -> None:
    text = """<ir_version: 8, opset_import: ["": 18]> net (float[2] x, float[2] c) => (float[2] y, float[2] z)
        { y = Relu (x) z = Mul (y, c) }"""
    feeds = {"x": np.array([1 + 1e-12, -1]), "c": np.ones(2)}
    found = evaluate(ir.from_proto(onnx.parser.parse_model(text)).graph, feeds, ["y", "z"], single=["c"])
    assert {name: str(array.dtype) for name, array in found.items()} == {"y": "float64", "z": "float32"}
    assert found["y"][0] == 1 + 1e-12


# Operators that older operator sets define otherwise: the opset, the node, and what it makes of [[1, 2], [3, 6]].
OLDER: dict[str, tuple[int, str, list[object]]] = {
    "Unsqueeze with an attribute": (11, "y = Unsqueeze <axes = [0]> (x)", [[[1, 2], [3, 6]]]),
    "Squeeze with an attribute": (11, "s = Unsqueeze <axes = [0]> (x) y = Squeeze <axes = [0]> (s)", [[1, 2], [3, 6]]),
    "ReduceSum with an attribute": (11, "y = ReduceSum <axes = [1], keepdims = 0> (x)", [3, 9]),
    "ReduceMean with an attribute": (13, "y = ReduceMean <axes = [0], keepdims = 0> (x)", [2, 4]),
    "Clip with attributes": (10, "y = Clip <min = 2.0, max = 3.0> (x)", [[2, 2], [3, 3]]),
    "Slice with attributes": (9, "y = Slice <axes = [1], starts = [1], ends = [2]> (x)", [[2], [6]]),
    "Pad with attributes": (10, "y = Pad <pads = [0, 1, 0, 0]> (x)", [[0, 1, 2], [0, 3, 6]]),
    "BatchNormalization, which is not training": (9, "y = BatchNormalization (x, a, a, a, b)", [[1, 1.5], [2, 3.5]]),
    "Split with an attribute": (11, "p, y = Split <axis = 1, split = [1, 1]> (x)", [[2], [6]]),
}


@pytest.mark.parametrize("name", OLDER)
def test_an_operator_is_that_of_the_graphs_operator_set(name: str) -> None:
    opset, body, expected = OLDER[name]
    text = f'<ir_version: 8, opset_import: ["": {opset}]> net (float[2,2] x) => (float[n] y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    constants = {"a": np.ones(2, np.float32), "b": np.full(2, 4 - 1e-5, np.float32)}
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    found = evaluate(ir.from_proto(model).graph, {"x": np.array([[1.0, 2.0], [3.0, 6.0]])}, ["y"])["y"]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-6)
