"""`reverie check`: its list, and that it agrees with the export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import helper
from reverie_export import Overrides, export_model
from reverie_export.check_command import check
from reverie_export.command import export
from reverie_export.sandbox_child import answer
from reverie_proto.sizes import from_message

from tests.export.forms import BODY, FORMS, network

CUSTOM = BODY.replace("h = Sigmoid (f)", "h = own.Gate (f)")


def with_custom_operator() -> onnx.ModelProto:
    model = network(body=BODY)
    node = next(node for node in model.graph.node if node.op_type == "Sigmoid")
    node.op_type, node.domain, node.name = "Gate", "own", "gate"
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(check, [str(path), *options])


def listed_by_check(path: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(path, "--json", "--quick", *options).stdout)
    return found


def test_all_layers_of_a_plain_network_are_supported(tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "net.onnx")
    result = run(tmp_path / "net.onnx", "--quick")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "opset 18" in lines[0]
    assert "'picture' [N, 3, H, W], taken as NCHW" in lines[0]
    assert next(line.split() for line in lines if line.startswith("b ")) == [
        *("b", "Conv", "[N,", "16,", "224,", "224]", "from", "1", "x", "1", "px", "yes")
    ]
    assert lines[-1] == "8 of 8 layers can be exported, 8 of them portable"


def test_a_missing_operator_is_named_with_what_it_blocks(tmp_path: Path) -> None:
    onnx.save(with_custom_operator(), tmp_path / "net.onnx")
    result = run(tmp_path / "net.onnx", "--quick")
    assert result.exit_code == 1, result.output
    assert "no gradient: own::Gate, 1 nodes (gate): there is no gradient rule for it" in result.stdout
    (missing,) = listed_by_check(tmp_path / "net.onnx")["missing"]
    assert missing["operator"] == "own::Gate"
    assert set(missing["blocks"]) >= {"j", "y"}
    assert "f" not in missing["blocks"]


@pytest.mark.parametrize("name", ["opset 7", "channels last", "a function of its own", "leftovers of training"])
def test_the_listed_layers_are_exported(name: str, tmp_path: Path) -> None:
    FORMS[name].write(tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    listed = listed_by_check(tmp_path / "net.onnx")["layers"]
    assert [layer["name"] for layer in listed if layer["supported"]] == [e.layer.name for e in made.manifest.layers]
    for layer, entry in zip(listed, made.manifest.layers, strict=True):
        assert (layer["operator"], layer["shape"][1]) == (entry.layer.operator, entry.layer.channels)
        for name in ("min_size", "size_multiple", "fixed_size"):
            assert tuple(layer[name]) == from_message(getattr(entry.layer, name))


def test_layers_that_are_left_out_of_an_export_are_not_supported(tmp_path: Path) -> None:
    onnx.save(with_custom_operator(), tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    listed = listed_by_check(tmp_path / "net.onnx")["layers"]
    assert {layer["name"] for layer in listed if not layer["supported"]} == set(made.omitted)


def test_the_options_are_those_of_export(tmp_path: Path) -> None:
    shared = {p.name: p.opts for p in check.params} | {}
    exports = {p.name: p.opts for p in export.params}
    assert shared.keys() - exports.keys() == {"file", "as_json", "quick"}
    assert all(exports[name] == opts for name, opts in shared.items() if name in exports)
    FORMS["channels last, as said"].write(tmp_path / "net.onnx")
    found = listed_by_check(
        tmp_path / "net.onnx",
        *("--layout", "NHWC", "--input", "3x64x64", "--range", "-1,1", "--bgr", "--layers", "b,y"),
    )
    assert "taken as NHWC" in found["notes"][1]
    assert [layer["name"] for layer in found["layers"]] == ["b", "y"]
    assert found["native_size"] == [64, 64]
    assert found["normalisation"] == {"mean": [1.0] * 3, "std": [1.0] * 3, "scale": 2.0, "channel_order": "BGR"}


def test_a_gradient_that_some_runtimes_lack_is_refused_when_it_must_be_portable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reverie_gradient.table.UNPORTABLE", {"ReverseSequence"})  # in truth, every rule is portable
    pool = "d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> "
    body = BODY.replace(f"{pool}(c)", f"c2 = ReverseSequence <batch_axis = 1, time_axis = 0> (c, ones)  {pool}(c2)")
    model = network(picture="float[1,3,32,32] picture", body=body, more={"ones": np.ones(16, np.int64)})
    onnx.save(model, tmp_path / "net.onnx")
    found = answer({"path": str(tmp_path / "net.onnx"), "overrides": {}, "layers": [], "self_test": False})
    listed = {layer["name"]: layer for layer in found["layers"]}
    assert listed["c"]["portable"]
    assert listed["y"]["supported"]
    assert not listed["y"]["portable"]
    plain = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "plain", overrides=Overrides())
    portable = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "portable", portable=True)
    assert "y" in {e.layer.name for e in plain.manifest.layers}, plain.omitted
    assert {e.layer.name for e in portable.manifest.layers} == {n for n, layer in listed.items() if layer["portable"]}
    assert "ReverseSequence" in portable.omitted["y"]
