"""Verification finds faulty layers, and they are not written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import reverie_export.pipeline
from reverie_export import NoLayers, export_model
from reverie_export.layer_graph import layer_graph

from tests.export.forms import network

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


def factor(graph: ir.Graph, value: ir.Value, by: np.ndarray | ir.Value) -> ir.Value:
    """Append a product with ``by`` to the graph."""
    if not isinstance(by, ir.Value):
        constant = ir.Value(name="planted", const_value=ir.tensor(by.astype(np.float32), name="planted"))
        graph.register_initializer(constant)
        by = constant
    product = ir.node("Mul", [value, by])
    graph.append(product)
    product.outputs[0].type, product.outputs[0].shape = value.type, value.shape
    return product.outputs[0]


def gradient_times(by: np.ndarray | float) -> Fault:
    def spoil(graph: ir.Graph) -> None:
        old = graph.outputs[1]
        new = factor(graph, old, np.asarray(by))
        old.name, new.name = "gradient.right", "gradient"
        graph.outputs[1] = new

    return spoil


def cotangent_of_one_channel(graph: ir.Graph) -> None:
    """Weigh the fourth channel of the layer by 1.01 in the gradient."""
    cotangent = graph.inputs[1]
    channels = cotangent.shape[1] if cotangent.shape is not None else None
    assert isinstance(channels, int)
    weights = np.ones((1, channels, 1, 1), np.float32)
    weights[0, 3] = 1.01
    constant = ir.Value(name="planted", const_value=ir.tensor(weights, name="planted"))
    graph.register_initializer(constant)
    readers = list(cotangent.uses())
    product = ir.node("Mul", [cotangent, constant])
    graph.insert_before(next(iter(graph)), product)
    for use in readers:
        use.node.replace_input_with(use.idx, product.outputs[0])


def wrong_for_two_pictures(graph: ir.Graph) -> None:
    """Make the gradient ``0.5 + 0.5 N`` times as long for N pictures."""
    half = ir.Value(name="half", const_value=ir.tensor(np.array([0.5], np.float32), name="half"))
    graph.register_initializer(half)
    shape = ir.node("Shape", [graph.inputs[0]], {"start": 0, "end": 1})
    count = ir.node("Cast", [shape.outputs[0]], {"to": 1})
    part = ir.node("Mul", [count.outputs[0], half])
    whole = ir.node("Add", [part.outputs[0], half])
    graph.extend([shape, count, part, whole])
    old = graph.outputs[1]
    new = factor(graph, old, whole.outputs[0])
    old.name, new.name = "gradient.right", "gradient"
    graph.outputs[1] = new


FAULTS: dict[str, tuple[str, Fault, str]] = {
    "padding on the wrong side": ("layer1.relu", wrong_padding, "its activation is off"),
    "a mask that passes everything": ("layer1.relu", mask_that_passes_everything, "its gradient is off"),
    "kernels that are not turned round": ("layer1.conv2", kernels_not_turned, "its gradient is off"),
    "a gradient of the wrong sign": ("layer1.conv1", gradient_times(-1.0), "its gradient is off"),
    "a gradient that is too long by a thousandth": ("layer1.conv2", gradient_times(1.001), "its gradient is off"),
    "a gradient of which one colour is wrong": (
        "layer1.relu",
        gradient_times(np.array([1, 1, 1.001]).reshape(1, 3, 1, 1)),
        "its gradient is off",
    ),
    "a gradient of which one channel is wrong": ("layer1.conv2", cotangent_of_one_channel, "its gradient is off"),
    "a gradient that is wrong for two pictures": ("layer1.conv2", wrong_for_two_pictures, "its gradient is off"),
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


@pytest.mark.parametrize("fault", [name for name, (_, _, says) in FAULTS.items() if says == "its gradient is off"])
def test_differences_of_a_file_find_it_too(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, spoil, says = FAULTS[fault]
    layer = {"layer1.conv1": "b", "layer1.conv2": "f", "layer1.relu": "c"}[layer]

    def spoiled(forward: ir.Graph, target, normalisation, *, portable) -> ir.Model:  # type: ignore[no-untyped-def]
        model = layer_graph(forward, target, normalisation, portable=portable)
        if target.name == layer:
            spoil(model.graph)
        return model

    onnx.save(network(), tmp_path / "net.onnx")
    monkeypatch.setattr(reverie_export.pipeline, "layer_graph", spoiled)
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert list(made.omitted) == [layer]
    assert says in made.omitted[layer]


def test_all_faults_of_many_layers_are_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that are compared together are told apart."""
    wrong = ["layer1.conv1", "layer1.relu", "layer1.conv2", "fc"]

    def spoiled(forward: ir.Graph, target, normalisation, *, portable) -> ir.Model:  # type: ignore[no-untyped-def]
        model = layer_graph(forward, target, normalisation, portable=portable)
        if target.name in wrong:
            gradient_times(1.001)(model.graph)
        return model

    monkeypatch.setattr(reverie_export.pipeline, "layer_graph", spoiled)
    made = export_model(SOURCE, out=tmp_path, weights="random:1")
    assert list(made.omitted) == wrong


def test_a_network_without_verified_layers_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(forward: ir.Graph, target, normalisation, *, portable) -> ir.Model:  # type: ignore[no-untyped-def]
        model = layer_graph(forward, target, normalisation, portable=portable)
        wrong_padding(model.graph)
        return model

    monkeypatch.setattr(reverie_export.pipeline, "layer_graph", spoiled)
    with pytest.raises(NoLayers, match="its activation is off"):
        export_model("tests.export.networks:only_pooling", out=tmp_path / "models")
    assert not (tmp_path / "models").exists()
