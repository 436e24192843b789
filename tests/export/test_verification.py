"""Verification finds faulty layers, and they are not written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import reverie_export.pipeline
from reverie_export import NoLayers, export_model
from reverie_export.layer_graph import layer_graph

SOURCE = "tests.export.networks:residual"
Fault = Callable[[ir.Graph], None]


def node(graph: ir.Graph, operator: str, nth: int = 0) -> ir.Node:
    return [n for n in graph if n.op_type == operator][nth]


def wrong_padding(graph: ir.Graph) -> None:
    pads = node(graph, "MaxPool").attributes["pads"].as_ints()
    assert list(pads) == [1, 1, 1, 1]
    node(graph, "MaxPool").attributes["pads"] = ir.AttrInt64s("pads", [0, 0, 2, 2])


def mask_that_passes_everything(graph: ir.Graph) -> None:
    mask = node(graph, "HardSigmoid")
    mask.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
    mask.attributes["alpha"] = ir.AttrFloat32("alpha", 0.0)


def kernels_not_turned(graph: ir.Graph) -> None:
    for n in [n for n in graph if n.op_type == "Slice"]:
        swapped = n.inputs[0]
        assert swapped is not None
        if (producer := swapped.producer()) is not None and producer.op_type == "Transpose":
            ir.convenience.replace_all_uses_with(n.outputs[0], swapped)


def one_picture_only(graph: ir.Graph) -> None:
    reshape = node(graph, "Reshape")
    value = ir.Value(name="one", const_value=ir.tensor(np.array([1, -1], np.int64), name="one"))
    graph.register_initializer(value)
    reshape.replace_input_with(1, value)


FAULTS: dict[str, tuple[str, Fault, str]] = {
    "padding on the wrong side": ("layer1.relu", wrong_padding, "its activation is off"),
    "a mask that passes everything": ("layer1.relu", mask_that_passes_everything, "its gradient is off"),
    "kernels that are not turned round": ("layer1.conv2", kernels_not_turned, "its gradient is off"),
    "a graph for one picture only": ("fc", one_picture_only, "32 x 32"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_layer_is_found_and_not_written(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, spoil, says = FAULTS[fault]

    def spoiled(forward: ir.Graph, target, normalisation, *, portable) -> ir.Model:  # type: ignore[no-untyped-def]
        model = layer_graph(forward, target, normalisation, portable=portable)
        if target.name == layer:
            spoil(model.graph)
        return model

    monkeypatch.setattr(reverie_export.pipeline, "layer_graph", spoiled)
    made = export_model(SOURCE, out=tmp_path, weights="random:1")
    assert list(made.omitted) == [layer]
    assert says in made.omitted[layer]
    assert not (made.folder / f"{layer}.onnx").exists()
    assert layer not in [entry.layer.name for entry in made.manifest.layers]
    assert len(made.manifest.layers) == 14


def test_a_network_without_verified_layers_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(forward: ir.Graph, target, normalisation, *, portable) -> ir.Model:  # type: ignore[no-untyped-def]
        model = layer_graph(forward, target, normalisation, portable=portable)
        wrong_padding(model.graph)
        return model

    monkeypatch.setattr(reverie_export.pipeline, "layer_graph", spoiled)
    with pytest.raises(NoLayers, match="its activation is off"):
        export_model("tests.export.networks:only_pooling", out=tmp_path / "models")
    assert not (tmp_path / "models").exists()
