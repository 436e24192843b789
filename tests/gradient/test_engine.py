"""The engine independent of the rules: paths, sums, names, and parts of a graph that it does not change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import ArrayLike
from reverie_gradient import Call, Term, add_gradient, table, unportable, vjp, with_gradient

from tests.gradient.gradcheck import session

CHAIN = """(float[N,2] x, float[2,3] w, float[3] b) => (float[N,3] y) {
    [first] h = MatMul(x, w)
    [second] s = Add(h, b)
    [third] y = Tanh(s)
}"""


def parse(text: str, opset: int = 18) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g {text}')


def added(forward: onnx.ModelProto, built: onnx.ModelProto) -> list[onnx.NodeProto]:
    return list(built.graph.node)[len(forward.graph.node) :]


def run(model: onnx.ModelProto, names: list[str], **feeds: ArrayLike) -> list[np.ndarray]:
    inputs = {name: np.asarray(value, np.float32) for name, value in feeds.items()}
    return [np.asarray(v) for v in session(model).run(names, inputs)]


def test_a_cotangent_input_and_a_gradient_output_are_added_and_all_else_stays() -> None:
    forward = parse(CHAIN)
    before = forward.SerializeToString()
    built = with_gradient(forward, of="y", wrt="x")
    assert forward.SerializeToString() == before
    assert [v.name for v in built.graph.input] == ["x", "w", "b", "y_cotangent"]
    assert [v.name for v in built.graph.output] == ["y", "x_gradient"]
    assert [n.name for n in built.graph.node[:3]] == ["first", "second", "third"]
    assert [(n.op_type, n.input, n.output) for n in built.graph.node[:3]] == [
        (n.op_type, n.input, n.output) for n in forward.graph.node
    ]
    assert built.graph.input[3].type == forward.graph.output[0].type
    assert built.graph.output[1].type == forward.graph.input[0].type
    onnx.checker.check_model(built, full_check=True)


def test_gradient_nodes_record_which_node_they_belong_to() -> None:
    forward = parse(CHAIN)
    names = [n.name for n in added(forward, with_gradient(forward, of="y", wrt="x")) if n.op_type != "Constant"]
    assert all(name.startswith(("first/gradient/", "third/gradient/")) for name in names)


def test_several_values_are_differentiated_by_at_once() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((4, 2)), rng.standard_normal((2, 3)), rng.standard_normal(3)
    dy = rng.standard_normal((4, 3))
    built = with_gradient(parse(CHAIN), of="y", wrt=["b", "x", "w"])
    ds = dy * (1 - np.tanh(x @ w + b) ** 2)
    found = run(built, ["x_gradient", "w_gradient", "b_gradient"], x=x, w=w, b=b, y_cotangent=dy)
    for f, e in zip(found, [ds @ w.T, x.T @ ds, ds.sum(0)], strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-6)


def test_unneeded_nodes_are_not_added() -> None:
    forward = parse(CHAIN)
    built = with_gradient(forward, of="y", wrt="x")
    assert [n.op_type for n in added(forward, built) if n.op_type == "MatMul"] == ["MatMul"]  # for x, none for w
    used = {name for n in built.graph.node for name in n.input} | {v.name for v in built.graph.output}
    assert all(used & set(n.output) for n in built.graph.node)


def test_any_two_values_on_a_path_can_be_differentiated() -> None:
    built = with_gradient(parse(CHAIN), of="s", wrt=["h", "b"])
    (dh, db) = run(
        built,
        ["h_gradient", "b_gradient"],
        x=np.ones((2, 2)),
        w=np.ones((2, 3)),
        b=np.ones(3),
        s_cotangent=[[1, 2, 3], [4, 5, 6]],
    )
    np.testing.assert_array_equal(dh, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(db, [5, 7, 9])


def test_a_value_and_one_that_it_depends_on_both_get_their_full_gradient() -> None:
    model = parse("(float[n] x) => (float[n] y) { a = Mul(x, x) y = Mul(a, x) }")
    dx, da = run(with_gradient(model, of="y", wrt=["x", "a"]), ["x_gradient", "a_gradient"], x=[2], y_cotangent=[1])
    np.testing.assert_array_equal([dx, da], [[12], [2]])


def test_the_gradient_of_a_value_by_itself_is_the_cotangent() -> None:
    built = with_gradient(parse(CHAIN), of="h", wrt="h")
    (dh,) = run(built, ["h_gradient"], x=np.ones((1, 2)), w=np.ones((2, 3)), b=np.ones(3), h_cotangent=[[1, 2, 3]])
    np.testing.assert_array_equal(dh, [[1, 2, 3]])


def test_one_gradient_under_two_names() -> None:
    model = parse("(float[2] a, float[2] b) => (float[2] y) { y = Add(a, b) }")
    built = with_gradient(model, of="y", wrt=["a", "b"])
    da, db = run(built, ["a_gradient", "b_gradient"], a=[1, 2], b=[3, 4], y_cotangent=[5, 6])
    np.testing.assert_array_equal([da, db], [[5, 6], [5, 6]])


def test_the_sum_of_paths_that_meet_is_computed_once() -> None:
    forward = parse(
        "(float[n] x) => (float[n] y) { a = Exp(x) b = Sin(x) c = Tanh(x) d = Mul(a, b) e = Mul(d, c) y = Neg(e) }"
    )
    built = with_gradient(forward, of="y", wrt="x")
    assert [n.op_type for n in added(forward, built)].count("Add") == 2


@pytest.mark.parametrize("flat", ["Floor", "Ceil", "Round", "Sign"])
def test_a_flat_operator_passes_nothing_and_stops_nothing_else(flat: str) -> None:
    model = parse(f"(float[n] x) => (float[n] y) {{ f = {flat}(x) y = Mul(f, x) }}")
    (dx,) = run(with_gradient(model, of="y", wrt="x"), ["x_gradient"], x=[2.5], y_cotangent=[1])
    (f,) = run(parse(f"(float[n] x) => (float[n] y) {{ y = {flat}(x) }}"), ["y"], x=[2.5])
    np.testing.assert_array_equal(dx, f)


def test_integers_and_unknown_operators_off_the_path_are_ignored() -> None:
    model = parse(
        """(float[N,2] x, float[N,2] z) => (float[N,2] y, float[N,2] other) {
            n = NonZero(z) s = Shape(x) q = Mish(z) e = Exp(x) y = Reshape(e, s) m = Mish(y) other = Add(m, q)
        }"""
    )
    (dx,) = run(with_gradient(model, of="y", wrt="x"), ["x_gradient"], x=[[0, 1]], z=[[1, 1]], y_cotangent=[[1, 1]])
    np.testing.assert_allclose(dx, [[1, np.e]], rtol=1e-6)


def test_anyone_can_add_a_rule() -> None:
    try:

        @vjp("Det", portable=False)
        def det(call: Call) -> Sequence[Term | None]:
            return [call.dy.apply("Reshape", np.array([1, 1]))]

        forward = parse("(float[1,1] x) => (float y) { [one] y = Det(x) }")
        built = with_gradient(forward, of="y", wrt="x")
        assert unportable(ir.from_proto(forward).graph) == {"Det": ("one",)}
    finally:
        del table.RULES["Det"]
        table.UNPORTABLE.remove("Det")
    assert unportable(ir.from_proto(forward).graph) == {}
    np.testing.assert_array_equal(run(built, ["x_gradient"], x=[[3]], y_cotangent=2), [[[2]]])


def test_operators_of_other_domains_can_have_rules() -> None:
    try:

        @vjp("com.example::Twice")
        def twice(call: Call) -> Sequence[Term | None]:
            return [call.dy * 2]

        forward = parse("(float[2] x) => (float[2] y) { y = com.example.Twice(x) }")
        forward.opset_import.add(domain="com.example", version=1)
        (mul,) = [n for n in added(forward, with_gradient(forward, of="y", wrt="x")) if n.op_type == "Mul"]
    finally:
        del table.RULES["com.example::Twice"]
    assert mul.input[0] == "y_cotangent"


def test_weights_inside_the_model_can_be_differentiated_by() -> None:
    model = parse("(float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }")
    (dw,) = run(with_gradient(model, of="y", wrt="w"), ["w_gradient"], x=[[5, 6]], y_cotangent=[[1, 2]])
    np.testing.assert_array_equal(dw, [[5, 10], [6, 12]])


def test_external_weights_stay_references() -> None:
    model = parse("(float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}> { h = MatMul(x, w) y = Exp(h) }")
    (w,) = model.graph.initializer
    w.ClearField("float_data")
    w.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "64"), ("length", "16")):
        w.external_data.add(key=key, value=value)
    (kept,) = with_gradient(model, of="y", wrt="x").graph.initializer
    assert kept.data_location == onnx.TensorProto.EXTERNAL
    assert {e.key: e.value for e in kept.external_data}["location"] == "weights.bin"
    assert not kept.raw_data


def test_gradients_can_be_added_to_a_graph_twice() -> None:
    model = ir.from_proto(parse("(float[n] x) => (float[n] y) { y = Tanh(x) }"))
    graph = model.graph
    (x,), (y,) = graph.inputs, graph.outputs
    one = ir.Value(name="one")
    graph.inputs.append(one)
    (first,) = add_gradient(graph, of=y, wrt=[x], cotangent=one)
    (second,) = add_gradient(graph, of=first, wrt=[x], cotangent=one)
    graph.outputs.append(second)
    second.name = "second"
    (found,) = run(ir.to_proto(model), ["second"], x=[0.3], one=[1])
    t = np.tanh(0.3)
    np.testing.assert_allclose(found, [-2 * t * (1 - t * t)], rtol=1e-5)
