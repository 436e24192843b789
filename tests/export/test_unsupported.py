"""What lies before an operator that cannot be exported is exported, and the operator is named with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto
from reverie_export import ExportError, export_model
from reverie_export.errors import NoLayers
from reverie_export.sandbox_child import answer
from reverie_export.sources import open as opening

from tests.export.unsupported import BEFORE, BEHIND, TAILS, at_the_end, before_other_layers, first
from tests.export.unsupported import beside_another_output as beside

CONTINUED = [
    name
    for name, tail in TAILS.items()
    if tail.type.tensor_type.elem_type == TensorProto.FLOAT  # others end there
]


@pytest.fixture(autouse=True)
def _read_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading, in another process, is what test_check and test_bad_files are about."""
    monkeypatch.setattr(opening, "survey_in_sandbox", lambda *args, **options: {})


def surveyed(model: onnx.ModelProto, path: Path) -> dict[str, Any]:
    onnx.save(model, path)
    return answer({"path": str(path), "overrides": {}, "layers": [], "self_test": False})


@pytest.mark.parametrize("name", TAILS)
def test_layers_before_it_are_exported_and_it_is_named(name: str, tmp_path: Path) -> None:
    tail = TAILS[name]
    found = surveyed(at_the_end(tail), tmp_path / "net.onnx")
    assert "error" not in found, found
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models")
    _agree(found, made)
    assert {e.layer.name for e in made.manifest.layers} >= set(BEFORE)
    assert list(made.omitted) == list(tail.refused)
    for layer in tail.refused[:1]:
        assert "has no gradient rule" in made.omitted[layer]
        assert tail.reason in made.omitted[layer]


@pytest.mark.parametrize("name", TAILS)
def test_an_output_beside_it_is_exported(name: str, tmp_path: Path) -> None:
    found = surveyed(beside(TAILS[name]), tmp_path / "net.onnx")
    assert {layer["name"] for layer in found["layers"] if layer["supported"]} >= {*BEFORE, "c3", "r3"}


@pytest.mark.parametrize("name", CONTINUED)
def test_layers_behind_it_are_named_with_the_reason(name: str, tmp_path: Path) -> None:
    tail = TAILS[name]
    found = surveyed(before_other_layers(tail), tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models")
    _agree(found, made)
    written = {e.layer.name for e in made.manifest.layers}
    assert written >= set(BEFORE)
    if tail.refused:
        assert set(made.omitted) == set(BEHIND)
        assert all(tail.reason in made.omitted[layer] for layer in BEHIND)
    else:
        assert written >= set(BEHIND)


@pytest.mark.parametrize("name", [name for name, tail in TAILS.items() if tail.refused])
def test_when_nothing_is_left_the_sentence_names_it(name: str, tmp_path: Path) -> None:
    tail = TAILS[name]
    onnx.save(first(tail), tmp_path / "net.onnx")
    with pytest.raises(NoLayers) as caught:
        export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models")
    assert f"{tail.refused[0]!r} has no gradient rule" in str(caught.value)
    assert tail.reason in str(caught.value)
    assert surveyed(first(tail), tmp_path / "net.onnx")["message"].endswith(str(caught.value))
    assert not (tmp_path / "models").exists()


def test_it_can_be_asked_for_by_name_and_is_refused_with_the_reason(tmp_path: Path) -> None:
    onnx.save(at_the_end(TAILS["Det"]), tmp_path / "net.onnx")
    with pytest.raises(ExportError, match=r"t: Det 't' has no gradient rule: .* needs an inverse"):
        export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models", layers=["r2", "t"])


def _agree(found: dict[str, Any], made: Any) -> None:
    listed = {layer["name"]: layer["supported"] for layer in found["layers"]}
    assert {name for name, supported in listed.items() if supported} == {e.layer.name for e in made.manifest.layers}
    assert {name for name, supported in listed.items() if not supported} == set(made.omitted)
