"""Layers with features as the last axis: small transformers, compared with torch and rendered by the engine."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from reverie_export import export_model
from reverie_export.arrangement import ChannelsLast, FirstToken, Tokens
from reverie_export.check_command import check
from reverie_export.errors import BadSource

from tests.export import transformers
from tests.export.oracle import distance, runtime


@pytest.mark.parametrize(
    ("arrangement", "shape"),
    [
        (ChannelsLast(), (2, 3, 4, 5)),
        (Tokens(1, 3, 4), (2, 13, 5)),
        (Tokens(0, 3, 4, last=False), (2, 5, 12)),
        (Tokens(2, 2, 2), (1, 7, 3)),
        (FirstToken(), (2, 13, 5)),
    ],
    ids=str,
)
def test_undoing_is_the_adjoint_of_arranging(
    arrangement: ChannelsLast | Tokens | FirstToken, shape: tuple[int, ...]
) -> None:
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


def test_the_first_token_of_a_block_is_a_layer_of_its_own(tmp_path: Path) -> None:
    names = ["blocks.1", "blocks.1/token0"]
    made = export_model("tests.export.transformers:vit", out=tmp_path, weights="random:1", layers=names)
    row, first = made.manifest.layers
    assert first.layer.name == f"{row.layer.name}/token0"
    assert "blocks.1/token0" in (first.layer.name, *first.layer.aliases)
    assert (first.layer.spatial, first.layer.recommended, first.layer.channels) == (False, True, transformers.WIDTH)
    torch.manual_seed(1)
    module = transformers.vit().eval()
    kept: list[torch.Tensor] = []
    module.get_submodule("blocks.1").register_forward_hook(lambda _, __, result: kept.append(result))
    image = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    picture = torch.from_numpy(image).requires_grad_()
    module(picture)
    cotangent = np.random.default_rng(1).standard_normal((2, transformers.WIDTH)).astype(np.float32)
    (gradient,) = torch.autograd.grad(kept[0][:, 0], picture, torch.from_numpy(cotangent))
    found = runtime(made.folder / first.file, image, cotangent)
    assert distance(found[0], kept[0][:, 0].detach().numpy()) < 1e-5
    assert distance(found[1], gradient.numpy()) < 1e-4


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


CLASS_TOKENS = {
    "expanded": (transformers.vit, 16, 17),
    "repeated": (transformers.repeated_token, 16, 17),
    "added to zeros": (transformers.token_on_zeros, 16, 17),
    "two of them": (transformers.two_tokens, 16, 18),
    "with registers": (transformers.registers, 16, 20),
    "with interpolated positions": (transformers.interpolated, 16, 17),
    "behind the others": (transformers.token_last, 16, 17),
}


def written(module: torch.nn.Module, path: Path, batch: str) -> None:
    """Write a module with torch's older exporter, whose graphs ask for shapes and expand tokens."""
    free = {"x": {0: "batch"}, "y": {0: "batch"}} if batch == "free" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter about itself
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, 3, 32, 32),),
            path,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes=free,
            opset_version=17,
            dynamo=False,
        )


@pytest.mark.parametrize("batch", ["free", "fixed"])
@pytest.mark.parametrize("form", CLASS_TOKENS)
def test_layers_behind_a_class_token_are_exported_as_check_says(form: str, batch: str, tmp_path: Path) -> None:
    build, positions, tokens = CLASS_TOKENS[form]
    torch.manual_seed(0)
    module = build()
    written(module, tmp_path / "net.onnx", batch)
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    quick = json.loads(CliRunner().invoke(check, [str(tmp_path / "net.onnx"), "--json", "--quick"]).stdout)
    assert made.omitted == {}
    names = [entry.layer.name for entry in made.manifest.layers]
    assert len(names) > 10
    assert [layer["name"] for layer in quick["layers"] if layer["supported"]] == names
    rows = [layer for layer in quick["layers"] if len(layer["shape"]) == 3 and len(layer["exported"]) == 4]
    assert {tuple(layer["shape"][:2]) for layer in rows} == {("N", tokens)}
    assert {tuple(layer["exported"][2:]) for layer in rows} == {(4, positions // 4)}

    image = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)  # of any batch
    entry = made.manifest.layers[-1]
    answer = module.eval()(picture := torch.from_numpy(image).requires_grad_())
    cotangent = np.random.default_rng(1).standard_normal(answer.shape).astype(np.float32)
    (gradient,) = torch.autograd.grad(answer, picture, torch.from_numpy(cotangent))
    found = runtime(made.folder / entry.file, image, cotangent)
    assert distance(found[0], answer.detach().numpy()) < 1e-5
    assert distance(found[1], gradient.numpy()) < 1e-4


def test_a_full_check_says_what_an_export_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    written(transformers.vit(), tmp_path / "net.onnx", "free")
    result = CliRunner().invoke(check, [str(tmp_path / "net.onnx")])
    assert result.exit_code == 0, result.output
    assert "[N, 17, 12] as [N, 12, 4, 4]" in result.stdout
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    count = len(made.manifest.layers)
    assert result.stdout.splitlines()[-1] == f"{count} of {count} layers can be exported, {count} of them portable"


def test_a_full_check_finds_what_only_a_comparison_finds(tmp_path: Path) -> None:
    """Random numbers differ from run to run."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        net (float[1, 3, 32, 32] x) => (float[1, 3, 32, 32] y)
        { a = Sigmoid (x) r = RandomUniformLike (a) b = Add (a, r) y = Tanh (b) }
    """)
    onnx.save(model, tmp_path / "net.onnx")
    full = json.loads(CliRunner().invoke(check, [str(tmp_path / "net.onnx"), "--json"]).stdout)
    made = export_model(str(tmp_path / "net.onnx"), out=tmp_path)
    told = {layer["name"]: layer["problem"] for layer in full["layers"]}
    assert {name for name, problem in told.items() if problem} == set(made.omitted)
    assert "y" in made.omitted
