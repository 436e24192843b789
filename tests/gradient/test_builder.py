"""The graph builder: the nodes that it makes, their names, and where they are inserted."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx.reference import ReferenceEvaluator
from reverie_gradient import Builder

TEXT = """<ir_version: 8, opset_import: ["": 18]> g (float[2] x) => (float[2] y, float[2] z)
    <float[2] one = {1, 1}> { t = Add (x, one)  y = Exp (t)  z = Neg (y) }"""


@pytest.fixture
def model() -> ir.Model:
    return ir.from_proto(onnx.parser.parse_model(TEXT))


def node(model: ir.Model, op_type: str) -> ir.Node:
    return next(node for node in model.graph if node.op_type == op_type)


def run(model: ir.Model) -> list[np.ndarray]:
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    return list(ReferenceEvaluator(proto).run(None, {"x": np.array([0, 1], np.float32)}))


EXP = np.exp(np.array([1, 2], np.float32))


def test_nodes_are_kept_apart_until_they_are_placed(model: ir.Model) -> None:
    builder = Builder(model.graph, constant_nodes=True)
    before = [*model.graph]
    builder.op("Mul", [model.graph.inputs[0], builder.constant([2.0], ir.DataType.FLOAT)])
    assert [*model.graph] == before
    builder.append()
    assert [made.op_type for made in model.graph][len(before) :] == ["Constant", "Mul"]


def test_names_begin_with_the_scope_and_differ_from_all_others(model: ir.Model) -> None:
    builder = Builder(model.graph, "a")
    (x,) = model.graph.inputs
    made = [builder.op("Neg", [x]) for _ in range(2)]
    builder.scope = "b"
    made += [builder.op("Neg", [x]), builder.op("Neg", [x], name="t"), builder.integers(1), builder.integers(2)]
    assert [value.name for value in made] == ["a/Neg", "a/Neg_2", "b/Neg", "t_2", "a/Constant", "a/Constant_2"]


def test_a_node_of_several_outputs_numbers_them(model: ir.Model) -> None:
    builder = Builder(model.graph, "a")
    parts = builder.ops("Split", [model.graph.inputs[0]], 2, axis=0, num_outputs=2)
    assert [part.name for part in parts] == ["a/Split.0", "a/Split.1"]


def test_equal_constants_are_one_unless_they_are_named(model: ir.Model) -> None:
    builder = Builder(model.graph)
    assert builder.integers(1, 2) is builder.constant(np.array([1, 2]))
    assert builder.integers(1, 2) is not builder.constant([[1, 2]], ir.DataType.INT64)
    assert builder.integers(1, 2) is not builder.constant([1, 2], ir.DataType.FLOAT)
    assert builder.constant([1, 2], name="w") is not builder.integers(1, 2)
    assert model.graph.initializers["w"].const_value is not None


@pytest.mark.parametrize("array", [np.float32(3), np.ones((2, 3), np.float32).T, np.zeros((0, 2), np.int32)])
def test_a_constant_keeps_shape_type_and_numbers(model: ir.Model, array: np.ndarray) -> None:
    value = Builder(model.graph).constant(array)
    assert value.const_value is not None
    assert (value.shape, value.dtype) == (ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype))
    np.testing.assert_array_equal(value.const_value.numpy(), array)


def test_only_what_is_needed_is_appended(model: ir.Model) -> None:
    builder = Builder(model.graph)
    (x,) = model.graph.inputs
    wanted, _ = builder.op("Abs", [x]), builder.op("Exp", [builder.op("Sin", [x])])
    builder.append(needed_for=[wanted])
    assert [made.op_type for made in model.graph] == ["Add", "Exp", "Neg", "Abs"]
    assert {user.op_type for user, _ in x.uses()} == {"Add", "Abs"}


def test_a_replaced_output_keeps_its_name_its_shape_and_its_readers(model: ir.Model) -> None:
    builder = Builder(model.graph, "new")
    old = node(model, "Exp")
    power = builder.op("Pow", [builder.constant([np.e], ir.DataType.FLOAT), old.inputs[0]])
    builder.replace(old, [power])
    assert (power.name, power.shape, power.dtype) == ("y", ir.Shape([2]), ir.DataType.FLOAT)
    y, z = run(model)
    np.testing.assert_allclose(y, EXP, rtol=1e-6)
    np.testing.assert_allclose(z, -EXP, rtol=1e-6)


def test_an_existing_value_keeps_its_name_when_it_replaces_an_output(model: ir.Model) -> None:
    old = node(model, "Exp")
    Builder(model.graph).replace(old, [model.graph.inputs[0]])
    assert model.graph.inputs[0].name == "x"
    y, z = run(model)
    np.testing.assert_array_equal(y, [0, 1])
    np.testing.assert_array_equal(z, [0, -1])


def test_nodes_before_another_are_computed_before_it(model: ir.Model) -> None:
    builder, add = Builder(model.graph), node(model, "Add")
    doubled = builder.op("Mul", [add.inputs[0], builder.constant([2.0], ir.DataType.FLOAT)], like=add.inputs[0])
    add.replace_input_with(0, doubled)
    builder.insert_before(add)
    assert next(iter(model.graph)).op_type == "Mul"
    np.testing.assert_allclose(run(model)[0], np.exp([1, 3]), rtol=1e-6)


def test_a_spliced_graph_moves_under_the_scope_and_equal_constants_become_one(model: ir.Model) -> None:
    builder = Builder(model.graph)
    for scope in ("a", "b"):
        other = ir.from_proto(onnx.parser.parse_model(TEXT))
        (x,), outputs = [*other.graph.inputs], [*other.graph.outputs]
        builder.scope = scope
        builder.splice(other.graph)
        ir.convenience.replace_all_uses_with(x, model.graph.outputs[0])
        model.graph.outputs.extend(outputs)
    assert [value.name for value in model.graph.outputs] == ["y", "z", "a/y", "a/z", "b/y", "b/z"]
    assert list(model.graph.initializers) == ["one", "a/one"]
    assert len(other.graph) == 0
    y, _, again, *_, last = run(model)
    np.testing.assert_allclose(again, np.exp(y + 1), rtol=1e-6)
    np.testing.assert_allclose(last, -np.exp(y + 1), rtol=1e-6)
