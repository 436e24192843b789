"""Layers with features as the last axis: small transformers, compared with torch and rendered by the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from reverie_export import export_model
from reverie_export.arrangement import ChannelsLast, Tokens
from reverie_export.errors import BadSource

from tests.export.oracle import distance, runtime


@pytest.mark.parametrize(
    ("arrangement", "shape"),
    [
        (ChannelsLast(), (2, 3, 4, 5)),
        (Tokens(1, 3, 4), (2, 13, 5)),
        (Tokens(0, 3, 4, last=False), (2, 5, 12)),
        (Tokens(2, 2, 2), (1, 7, 3)),
    ],
    ids=str,
)
def test_undoing_is_the_adjoint_of_arranging(arrangement: ChannelsLast | Tokens, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y = rng.standard_normal(arrangement.shape(shape))
    assert arrangement.apply(x).shape == y.shape
    assert np.vdot(arrangement.apply(x), y) == pytest.approx(np.vdot(x, arrangement.undo(y, shape)))


@pytest.mark.parametrize(
    ("network", "path", "layer"),
    [("vit", "blocks.1", "blocks.1"), ("swin", "blocks.1", "blocks.1"), ("convnext", "blocks.0", "blocks.0")],
)
def test_layers_with_features_last_compute_the_same_as_torch(
    tmp_path: Path, network: str, path: str, layer: str
) -> None:
    made = export_model(f"tests.export.transformers:{network}", out=tmp_path, weights="random:1", layers=[layer])
    (entry,) = made.manifest.layers
    torch.manual_seed(1)
    from tests.export import transformers

    module = getattr(transformers, network)().eval()
    image = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    kept: list[torch.Tensor] = []
    module.get_submodule(path).register_forward_hook(lambda _, __, result: kept.append(result))
    picture = torch.from_numpy(image).requires_grad_()
    module(picture)
    value = transformers.positions(kept[0])
    cotangent = np.random.default_rng(1).standard_normal(value.shape).astype(np.float32)
    (gradient,) = torch.autograd.grad(value, picture, torch.from_numpy(cotangent))
    found = runtime(made.folder / entry.file, image, cotangent)
    assert distance(found[0], value.detach().numpy()) < 1e-5
    assert distance(found[1], gradient.numpy()) < 1e-4
    assert entry.layer.recommended
    assert entry.layer.kind == "sum"


def test_layers_that_depend_on_values_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"depends on the values of its picture.*torch\.where"):
        export_model("tests.export.transformers:undecided", out=tmp_path, weights="random:1")


def test_a_transpose_without_an_order_reverses_all_axes(tmp_path: Path) -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        net (float[1, 3, 8, 8] x) => (float[8, 8, 3, 1] y) { a = Relu (x) b = Transpose (a) y = Sigmoid (b) }
    """)
    onnx.save(model, tmp_path / "net.onnx")
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    assert "a" in {entry.layer.name for entry in made.manifest.layers}
