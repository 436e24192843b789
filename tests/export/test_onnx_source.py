"""ONNX files as sources: any opset, compared with themselves by finite differences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from reverie_export import Overrides, export_model
from reverie_proto.sizes import from_message

from tests.export.oracle import distance, runtime
from tests.sizes import square

BODY = """
    a = Conv <pads = [1, 1, 1, 1]> (picture, w1, b1)
    b = BatchNormalization (a, s, t, m, v)
    c = Relu (b)
    d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)
    e = Identity (d)
    f = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (e, w2)
    h = Sigmoid (f)
    i = Mul (f, h)
    j = GlobalAveragePool (i)
    k = Flatten (j)
    l = MatMul (k, w3)
    y = Add (l, b3)
"""
SHAPES = {"w1": (6, 3, 3, 3), "b1": (6,), "s": (6,), "t": (6,), "m": (6,), "v": (6,)} | {
    "w2": (8, 6, 3, 3),
    "w3": (8, 4),
    "b3": (4,),
}
LAYERS = ["b", "c", "d", "f", "h", "i", "j", "y"]  # a is folded into b, e is d, l lacks its bias


def network(opset: int, shape: str = "N,3,H,W") -> onnx.ModelProto:
    head = f'<ir_version: 8, opset_import: ["": {opset}]> net (float[{shape}] picture) => (float[n,4] y)'
    model = onnx.parser.parse_model(f"{head} {{ {BODY} }}")
    rng = np.random.default_rng(0)
    for name, dims in SHAPES.items():
        array = rng.random(dims, np.float32) + 0.5 if name == "v" else rng.standard_normal(dims).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


@dataclass(frozen=True)
class Case:
    """The opset of the file, and the input that it states."""

    opset: int
    shape: str = "N,3,H,W"


@pytest.mark.parametrize(
    "case",
    [Case(13), Case(15), Case(17), Case(18), Case(20), Case(21), Case(17, "1,3,40,40"), Case(17, "2,3,40,40")],
    ids=str,
)
def test_layers_of_a_file_compute_the_same_as_onnxruntime(case: Case, tmp_path: Path) -> None:
    model = network(case.opset, case.shape)
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "models")
    assert [e.layer.name for e in made.manifest.layers] == LAYERS
    assert made.omitted == {}
    assert made.manifest.native_size == square(40 if "40" in case.shape else 224)
    assert made.manifest.source.model == made.manifest.source.weights == "net.onnx"

    image = np.random.default_rng(1).random((2, 3, 21, 34), np.float32)
    for layer in LAYERS:
        wanted = network(17)
        wanted.graph.output.append(helper.make_empty_tensor_value_info(layer)) if layer != "y" else None
        session = onnxruntime.InferenceSession(wanted.SerializeToString(), providers=["CPUExecutionProvider"])
        (expected,) = session.run([layer], {"picture": image})
        activation, gradient = runtime(made.folder / f"{layer}.onnx", image, np.ones_like(expected))
        assert distance(activation, expected) < 1e-5
        assert gradient.shape == image.shape
        assert np.abs(gradient).max() > 0


def test_a_file_is_verified_by_finite_differences(tmp_path: Path) -> None:
    onnx.save(network(17), tmp_path / "net.onnx")
    for entry in export_model(str(tmp_path / "net.onnx"), out=tmp_path).manifest.layers:
        assert entry.verification.reference == "finite differences"
        assert list(map(from_message, entry.verification.sizes)) == [(32, 32), (48, 32)]
        assert entry.verification.activation_error < 1e-6
        assert entry.verification.gradient_error < 1e-4


def test_normalisation_options_are_put_into_the_graphs(tmp_path: Path) -> None:
    onnx.save(network(17), tmp_path / "net.onnx")
    says = Overrides(size=(64, 64), mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), scale=255.0, channel_order="BGR")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "said", overrides=says)
    plain = export_model(str(tmp_path / "net.onnx"), out=tmp_path / "plain")
    image = np.random.default_rng(1).random((1, 3, 32, 32), np.float32)
    by_hand = (255 * image[:, ::-1] - column((10, 20, 30))) / column((2, 4, 8))
    cotangent = np.ones((1, 4), np.float32)
    found, gradient = runtime(made.folder / "y.onnx", image, cotangent)
    expected, inner = runtime(plain.folder / "y.onnx", by_hand, cotangent)
    assert distance(found, expected) < 1e-5
    assert distance(gradient, (255 * inner / column((2, 4, 8)))[:, ::-1]) < 1e-5
    assert made.manifest.native_size == square(64)


def column(numbers: tuple[int, ...]) -> np.ndarray:
    return np.array(numbers, np.float32).reshape(1, 3, 1, 1)


def test_layers_after_an_operator_without_a_rule_are_left_out_with_its_name(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]> net (float[1,3,16,16] x) => (float[1,3,16,16] y)
        <int64[2] axes = {2, 3}> { a = Relu (x)  b = Det (a)  c = Unsqueeze (b, axes)  y = Mul (a, c) }"""
    )
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert [e.layer.name for e in made.manifest.layers] == ["a"]
    assert set(made.omitted) == {"y"}
    assert all("Det" in reason for reason in made.omitted.values())


def test_names_that_are_invalid_for_files_are_made_safe_and_unique(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]> net (float[1,3,16,16] x) => (float[1,3,16,16] y)
        { "a:relu" = Relu (x)  "a_relu" = Tanh ("a:relu")
          gradient = Sigmoid ("a_relu")  y = Neg (gradient) }"""
    )
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert [(e.layer.name, e.file) for e in made.manifest.layers] == [
        ("a:relu", "a_relu.onnx"),
        ("a_relu_", "a_relu_.onnx"),
        ("gradient", "gradient.onnx"),
    ]


def test_a_model_is_named_after_its_file(tmp_path: Path) -> None:
    onnx.save(network(17), tmp_path / "my net.v2.onnx")
    made = export_model(str(tmp_path / "my net.v2.onnx"), out=tmp_path / "models", layers=["b"])
    assert made.manifest.name == made.folder.name == "my_net.v2"


def test_a_layer_that_has_one_position_at_its_native_size_keeps_its_stride(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]> net (float[N,3,8,8] x) => (float[N,3,1,1] z)
        { y = MaxPool <kernel_shape = [8, 8], strides = [8, 8]> (x)  z = GlobalAveragePool (y) }"""
    )
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert {e.layer.name: e.layer.stride.width_px for e in made.manifest.layers} == {"y": 8, "z": 0}
