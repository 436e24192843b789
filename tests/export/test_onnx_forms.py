"""ONNX files of every opset, layout and precision give the layers of the plain network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from reverie_export import Exported, Overrides, export_model

from tests.export.forms import BODY, FORMS, Form, network, weights
from tests.export.oracle import distance, forward, runtime


def answer(file: Path, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Activation, and the gradient for one cotangent that is the same for all graphs of a layer."""
    shape = forward(file, image).shape
    return runtime(file, image, np.random.default_rng(2).standard_normal(shape, np.float32))


def rounded(kind: int) -> onnx.ModelProto:
    """The plain network, its weights rounded to another kind of number."""
    model = network()
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        array = array.astype(helper.tensor_dtype_to_np_dtype(kind)).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return model


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Exported]:
    """The plain network exported, once for each kind of weights."""

    @cache
    def export(kind: int) -> Exported:
        folder = tmp_path_factory.mktemp("plain")
        onnx.save(rounded(kind), folder / "net.onnx")
        return export_model(str(folder / "net.onnx"), out=folder)

    return export


def test_layers_of_the_plain_network_compute_the_same_as_onnxruntime(plain: Callable[[int], Exported]) -> None:
    image = np.random.default_rng(1).random((2, 3, 21, 34), np.float32)
    made = plain(TensorProto.FLOAT)
    for entry in made.manifest.layers:
        model = network()
        if entry.layer.name != "y":
            model.graph.output.append(helper.make_empty_tensor_value_info(entry.layer.name))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (expected,) = session.run([entry.layer.name], {"picture": image})
        activation, _ = runtime(made.folder / entry.file, image, np.ones_like(expected))
        assert distance(activation, expected) < 1e-5


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_file_gives_the_layers_of_the_plain_network(
    form: Form, plain: Callable[[int], Exported], tmp_path: Path
) -> None:
    form.write(tmp_path / "net.onnx")
    overrides: dict[str, Any] = dict(form.options)
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path, overrides=Overrides(**overrides))
    assert made.omitted == {}
    assert {entry.layer.name for entry in made.manifest.layers} >= set(form.layers)
    image = np.random.default_rng(1).random((2, 3, 32, 32), np.float32)
    for layer in form.layers:
        expected = answer(plain(form.kind).folder / f"{layer}.onnx", image)
        found = answer(made.folder / f"{layer}.onnx", image)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == np.float32
            assert distance(one, other) < 1e-5


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_pictures_may_have_any_number_of_channels(channels: int, tmp_path: Path) -> None:
    model = network(picture=f"float[N,{channels},H,W] picture", channels=channels)
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path, overrides=Overrides(mean=(0.25,), std=(2.0,)))
    assert made.manifest.image_channels == channels
    assert list(made.manifest.normalisation.mean) == [0.25] * channels
    image = np.random.default_rng(1).random((2, channels, 32, 32), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["y"], {"picture": (image - 0.25) / 2})
    activation, gradient = answer(made.folder / "y.onnx", image)
    assert distance(activation, expected) < 1e-5
    assert gradient.shape == image.shape


def test_unknown_channels_are_those_of_the_first_convolution(tmp_path: Path) -> None:
    onnx.save(network(picture="float[N,C,H,W] picture", channels=5), tmp_path / "net.onnx")
    assert export_model(str(tmp_path / "net.onnx"), out=tmp_path).manifest.image_channels == 5


def test_a_batch_of_one_is_kept_if_the_network_needs_it(tmp_path: Path) -> None:
    body = BODY.replace(
        "k = Flatten (j)", "j2 = Concat <axis = 0> (j, row)  k2 = Flatten (j2)  k = Slice (k2, from, to)"
    )
    more = {"row": np.zeros((1, 24, 1, 1), np.float32), "from": np.array([0]), "to": np.array([1])}
    model = network(picture="float[1,3,64,64] picture", body=body, more=more)
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert {e.layer.name for e in made.manifest.layers} >= {"b", "y"}
    sizes = {
        layer: onnx.load(made.folder / f"{layer}.onnx", load_external_data=False).graph.input[0].type.tensor_type.shape
        for layer in ("b", "y")
    }
    assert sizes["b"].dim[0].dim_param == "N"
    assert sizes["y"].dim[0].dim_value == 1
    assert any("one picture at a time" in warning and "y" in warning for warning in made.warnings)


YOUNG = {
    "Gelu": (20, "h = Gelu (f)"),
    "Swish": (24, "h = Swish (f)"),
    "RMSNormalization": (23, "h = RMSNormalization <axis = 1> (f, norm)"),
    "GroupNormalization": (21, "h = GroupNormalization <num_groups = 4> (f, each, each)"),
}


@pytest.mark.parametrize(("opset", "line"), YOUNG.values(), ids=YOUNG)
def test_operators_newer_than_opset_18_are_expanded(opset: int, line: str, tmp_path: Path) -> None:
    more = {"norm": np.ones((24, 8, 8), np.float32), "each": np.linspace(0.5, 2, 24, dtype=np.float32)}
    body = BODY.replace("h = Sigmoid (f)", line)
    model = network(opset, ir_version=10, picture="float[N,3,32,32] picture", body=body, more=more)
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert "y" in {e.layer.name for e in made.manifest.layers}, made.omitted
    image = np.random.default_rng(1).random((1, 3, 32, 32), np.float32)
    run = onnx.reference.ReferenceEvaluator(model).run(["y"], {"picture": image})
    assert isinstance(run, list)
    expected = np.asarray(run[0])
    activation, _ = answer(made.folder / "y.onnx", image)
    assert distance(activation, expected) < 1e-5


def test_only_layers_after_an_operator_that_opset_18_cannot_express_are_left_out(tmp_path: Path) -> None:
    body = BODY.replace("h = Sigmoid (f)", "h = CumProd (f, axis)")
    onnx.save(network(26, body=body, more={"axis": np.array(1)}), tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert "f" in {e.layer.name for e in made.manifest.layers}
    assert "y" in made.omitted
    assert "CumProd" in made.omitted["y"]


def test_weights_do_not_depend_on_the_precision_of_the_file(tmp_path: Path) -> None:
    FORMS["float16"].write(tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path, layers=["y"])
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(made.folder / "y.onnx").graph.initializer}
    half = weights()["w2"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(stored["w2"], half)
