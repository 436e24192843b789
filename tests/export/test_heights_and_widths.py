"""Height and width are two numbers: the sizes of pictures that layers take, are verified at and are rendered at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from reverie_export.errors import ExportError
from reverie_export.pipeline import Exported, export_model
from reverie_export.sources.open import Overrides
from reverie_proto.sizes import Size, from_message
from reverie_server import Engine

from tests.export.test_check import listed_by_check, run

#: Two convolutions of stride 2: pictures of 32 x 128 become maps [1, 8, 16, 64] (a) and [1, 16, 8, 32] (c).
HEAD = """
    a = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, k)
    b = Relu (a)
    c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (b, l)
"""
SHAPES = {
    "k": (8, 1, 3, 3),
    "l": (16, 8, 3, 3),
    "w": (8 * 16 * 64, 4),
    "u": (16, 4),
    "p": (1, 16, 8, 32),
    "v": (4, 8, 1, 1),
    "z": (4, 16, 1, 1),
}
VECTORS = {
    "flat": [1, 8 * 16 * 64],
    "loose": [-1, 8 * 16 * 64],
    "open": [0, -1],
    "rows": [1, 16, 8 * 32],
    "same": [1, 16, 8, 32],
    "columns": [0, 8, 16, -1],
    "two": [2],
    "channels": [1],
}

FREE: Size = (0, 0)
ONLY: Size = (32, 128)
HIGH: Size = (32, 0)

# What follows the convolutions, and the only size that its result y takes.
CASES = {
    "a Linear behind a Reshape, as torch writes it": ("f = Reshape (b, flat)  y = Gemm (f, w)", ONLY),
    "a Linear behind a Reshape of the batch": ("f = Reshape (b, loose)  y = Gemm (f, w)", ONLY),
    "a Linear behind an open Reshape": ("f = Reshape (b, open)  y = Gemm (f, w)", ONLY),
    "a Linear behind a Flatten": ("f = Flatten (b)  y = Gemm (f, w)", ONLY),
    "a flattened map": ("f = Flatten (b)  y = Relu (f)", ONLY),
    "a row of tokens": ("f = Reshape (c, rows)  y = Relu (f)", ONLY),
    "a Reshape to the same fixed shape": ("f = Reshape (c, same)  y = Relu (f)", ONLY),
    "a position embedding": ("f = Add (c, p)  y = Relu (f)", ONLY),
    "a Reshape whose height times width must fit": ("f = Reshape (c, columns)  y = Conv (f, v)", ONLY),
    "a squeezed height": (
        "m = MaxPool <kernel_shape = [8, 1], strides = [8, 1]> (c)  s = Squeeze (m, two)  o = Unsqueeze (s, two)"
        "  y = Conv (o, z)",
        HIGH,
    ),
    "a pooled map": ("g = GlobalAveragePool (c)  f = Flatten (g)  y = Gemm (f, u)", FREE),
    "a map": ("y = Relu (c)", FREE),
}


def network(body: str) -> onnx.ModelProto:
    """Return a network for grey pictures of 32 x 128."""
    head = '<ir_version: 8, opset_import: ["": 17]> net (float[1,1,32,128] x) => (float y)'
    model = onnx.parser.parse_model(f"{head} {{ {HEAD} {body} }}")
    model = onnx.shape_inference.infer_shapes(_filled(model))
    (y,) = (value for value in model.graph.value_info if value.name == "y") if _inner(model) else model.graph.output
    model.graph.output[0].CopyFrom(y)
    return model


def _inner(model: onnx.ModelProto) -> bool:
    return any(value.name == "y" for value in model.graph.value_info)


def _filled(model: onnx.ModelProto) -> onnx.ModelProto:
    """Add the weights that the graph uses, and forget the rank of its output."""
    rng = np.random.default_rng(0)
    used = {name for node in model.graph.node for name in node.input}
    arrays = {name: (rng.standard_normal(shape) / 8).astype(np.float32) for name, shape in SHAPES.items()}
    arrays |= {name: np.array(numbers, np.int64) for name, numbers in VECTORS.items()}
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in arrays.items() if name in used)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def exported(body: str, folder: Path) -> Exported:
    onnx.save(network(body), folder / "net.onnx")
    return export_model(str(folder / "net.onnx"), out=folder / "models")


@pytest.mark.parametrize(("body", "fixed"), CASES.values(), ids=CASES)
def test_a_layer_says_the_only_size_that_it_takes_and_is_verified_at_it(body: str, fixed: Size, tmp_path: Path) -> None:
    made = exported(body, tmp_path)
    assert made.omitted == {}
    assert from_message(made.manifest.native_size) == (32, 128)
    layers = {entry.layer.name: entry for entry in made.manifest.layers}
    assert from_message(layers["y"].layer.fixed_size) == fixed
    assert from_message(layers["a"].layer.fixed_size) == FREE
    tried = [from_message(size) for size in layers["y"].verification.sizes]
    assert len(tried) == (1 if all(fixed) else 2)
    for size in tried:
        assert all(only in (0, side) for only, side in zip(fixed, size, strict=True))


@pytest.mark.parametrize(("body", "fixed"), CASES.values(), ids=CASES)
def test_a_layer_is_rendered_at_its_own_size_and_no_other(body: str, fixed: Size, tmp_path: Path) -> None:
    exported(body, tmp_path)
    height, width = (side or other for side, other in zip(fixed, (40, 72), strict=True))
    with Engine([tmp_path / "models"], device="cpu", threads=1) as engine:
        for parametrization in ("fourier", "pixel"):
            rendering = engine.render(
                "net", "y", 1, size=(height, width), steps=2, parametrization=parametrization, transforms="lucid"
            )
            assert rendering.array.shape[:2] == (height, width)
            assert rendering.outcome == "converged"
        if fixed != FREE:
            with pytest.raises(Exception, match="layer 'y' takes pictures of"):
                engine.render("net", "y", 1, size=63, steps=2)
        assert engine.render("net", "y", 1, steps=1).array.shape[:2] == (32, 128)


def test_check_says_the_sizes_of_export(tmp_path: Path) -> None:
    onnx.save(network(CASES["a Linear behind a Reshape, as torch writes it"][0]), tmp_path / "net.onnx")
    listed = {layer["name"]: layer for layer in listed_by_check(tmp_path / "net.onnx")["layers"]}
    assert (listed["y"]["fixed_size"], listed["a"]["fixed_size"]) == ([32, 128], [0, 0])
    said = run(tmp_path / "net.onnx", "--quick").stdout
    assert "native size 32 x 128 px" in said
    assert "only 32 x 128 px" in said


def test_the_input_option_takes_height_and_width(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[N,C,H,W] x) => (float[N,8,h,w] y)'
        "{ y = Conv <pads = [1, 1, 1, 1]> (x, k) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((8, 1, 3, 3), np.float32), "k"))
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path, overrides=Overrides(channels=1, size=(32, 128)))
    assert from_message(made.manifest.native_size) == (32, 128)
    assert listed_by_check(tmp_path / "net.onnx", "--input", "1x32x128")["native_size"] == [32, 128]
    assert listed_by_check(tmp_path / "net.onnx", "--input", "48x64")["native_size"] == [48, 64]
    assert listed_by_check(tmp_path / "net.onnx", "--input", "64")["native_size"] == [64, 64]


@pytest.mark.parametrize("text", ["axb", "1x2x3x4", "-1", "1.5", "3x224x", ""])
def test_an_input_option_that_is_no_size_is_refused(text: str, tmp_path: Path) -> None:
    result = run(tmp_path / "net.onnx", "--input", text)
    assert result.exit_code == 2
    assert "is not channels x height x width such as 3x224x224" in result.stderr


@pytest.mark.parametrize("size", [(0, 32), (32, 5000)])
def test_a_side_out_of_bounds_is_refused(size: Size, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is not a height or width from 1 to 4096 pixels"):
        export_model(str(tmp_path / "net.onnx"), out=tmp_path, overrides=Overrides(size=size))


def test_strides_and_receptive_fields_are_those_of_each_direction(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[N,1,32,128] x) => (float[N,8,h,w] y)'
        "{ z = Conv <pads = [1, 2, 1, 2], strides = [1, 4]> (x, k)"
        "  y = MaxPool <kernel_shape = [2, 1], strides = [2, 1]> (z) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((8, 1, 3, 5), np.float32), "k"))
    onnx.save(model, tmp_path / "net.onnx")
    (z, y) = (entry.layer for entry in export_model(str(tmp_path / "net.onnx"), out=tmp_path).manifest.layers)
    assert [from_message(layer.stride) for layer in (z, y)] == [(1, 4), (2, 4)]
    assert [from_message(layer.receptive_field) for layer in (z, y)] == [(3, 5), (4, 5)]
    assert [from_message(layer.min_size) for layer in (z, y)] == [(1, 1), (2, 1)]
