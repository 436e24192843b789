"""Files of other opsets than 18 keep their results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import defs
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from reverie_export import BadSource, export_model
from reverie_export.sources.guard import all_nodes
from reverie_export.sources.onnx_file import FileOptions, open_onnx
from reverie_export.sources.preprocessing import Preprocessing
from reverie_gradient.coverage import NO_GRADIENT
from reverie_gradient.table import RULES

from tests.export.ages import FUNCTIONS, NEW, OLD, SHAPE, UNSAYABLE, Age
from tests.export.oracle import distance, session

# They have changed in more than their types, and are not in the tables.
LEFT_OUT = {
    "Scan": "in opset 8 it ran over batches; no program known to us has written it",
}


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """Run a model in ONNX Runtime or, if it is too new for that, in ONNX's reference evaluator.

    The reference evaluator knows the newest definitions only: for Softmax of opset 11 it computes that of 13.
    """
    try:
        (y,) = session(model.SerializeToString()).run(["y"], {"x": x})
    except (errors.Fail, errors.InvalidGraph, errors.NotImplemented):  # it is too new
        found = ReferenceEvaluator(model).run(["y"], {"x": x})
        assert isinstance(found, list)
        (y,) = found
    return np.asarray(y)


def converted(age: Age, folder: Path) -> onnx.ModelProto:
    onnx.save(age.model(), folder / "net.onnx")
    source = open_onnx(folder / "net.onnx", FileOptions(channels=3, layout="NCHW"), Preprocessing())
    return ir.to_proto(source.graph)


CASES = {**OLD, **{f"new {name}": age for name, age in (NEW | FUNCTIONS).items()}}


@pytest.mark.parametrize("age", CASES.values(), ids=CASES)
def test_a_file_computes_the_same_in_opset_18(age: Age, tmp_path: Path) -> None:
    made = converted(age, tmp_path)
    assert {i.domain: i.version for i in made.opset_import}[""] == 18
    assert not any(node.domain for node in all_nodes(made.graph.node))
    x = 3 * np.random.default_rng(0).random(SHAPE, np.float32)
    expected, found = run(age.model(), x), run(made, x)
    assert found.shape == expected.shape
    assert distance(found, expected) < 1e-6


@pytest.mark.parametrize("age", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_are_replaced_by_operators_with_rules(age: Age, tmp_path: Path) -> None:
    graph = ir.from_proto(converted(age, tmp_path)).graph
    left = {node.op_type for node in graph if node.op_type not in RULES and node.op_type not in NO_GRADIENT}
    assert not left


@pytest.mark.parametrize(("operator", "age"), UNSAYABLE.items(), ids=UNSAYABLE)
def test_an_operator_that_opset_18_cannot_express_has_a_name_for_it(operator: str, age: Age, tmp_path: Path) -> None:
    named = [(node.domain, node.op_type) for node in converted(age, tmp_path).graph.node if node.domain]
    assert named == [(f"ai.onnx.opset{age.opset}", operator)]


def test_layers_after_an_operator_that_opset_18_cannot_express_are_left_out(tmp_path: Path) -> None:
    onnx.save(UNSAYABLE["AveragePool"].model(), tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert [entry.layer.name for entry in made.manifest.layers] == ["a"]
    assert "ai.onnx.opset19::AveragePool" in made.omitted["y"]


def test_statistics_of_each_position_are_refused(tmp_path: Path) -> None:
    each = {name: np.ones((3, 6, 6), np.float32) for name in "stmv"}
    model = Age(8, "y = BatchNormalization <spatial = 0> (x, s, t, m, v)", each).model()
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(BadSource, match="spatial must have value 1"):
        export_model(str(tmp_path / "net.onnx"), out=tmp_path)


def test_every_operator_that_has_changed_is_in_the_tables() -> None:
    names = {s.name for s in defs.get_all_schemas_with_history() if s.domain == "" and _changed(s.name)}
    tables = [*CASES.values(), *UNSAYABLE.values()]
    tested = {node.op_type for age in tables for node in all_nodes(age.model().graph.node)}
    assert names - tested == set(LEFT_OUT)


def _changed(name: str) -> bool:
    """Whether an operator has changed since opset 7 in its inputs, outputs or attributes."""
    schemas = [s for s in defs.get_all_schemas_with_history() if s.name == name and s.domain == ""]
    first = max((s.since_version for s in schemas if s.since_version <= 7), default=0)
    changes = {
        (
            len(s.inputs),
            len(s.outputs),
            s.deprecated,
            *sorted((key, str(a.default_value)) for key, a in s.attributes.items()),
        )
        for s in schemas
        if s.since_version >= first
    }
    return len(changes) > 1
