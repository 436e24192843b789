"""Only the weights that the layers asked for need must be in the file; what is lacking or left over is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
import torchvision
from click.testing import CliRunner
from onnx import numpy_helper
from reverie_export import BadWeights, export_model
from reverie_export.command import export

from tests.export import networks
from tests.export.oracle import forward

State = Mapping[str, torch.Tensor]
SOURCE = "tests.export.networks:vgg"


def trained() -> State:
    torch.manual_seed(5)
    return dict(networks.vgg().state_dict())


def only(*prefixes: str) -> Callable[[State], State]:
    return lambda state: {k: v for k, v in state.items() if k.startswith(prefixes)}


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {f"{prefix}{k}": v for k, v in state.items()}


@dataclass(frozen=True)
class Case:
    """What the file holds of the trained weights, the layers asked for, and what the command says on success."""

    held: Callable[[State], State]
    layers: str
    says: tuple[str, ...] = ()
    wrapped: str = ""  # the key of a checkpoint that the weights are under


GOOD = {
    "the first layer": Case(only("conv1"), "conv1"),
    "two layers": Case(only("conv1", "conv2"), "relu1,conv2"),
    "in a checkpoint": Case(only("conv1"), "conv1", wrapped="state_dict"),
    "under model": Case(only("conv1"), "conv1", wrapped="model"),
    "of DataParallel": Case(lambda state: prefixed("module.")(only("conv1")(state)), "conv1"),
    "of a LightningModule": Case(
        lambda state: prefixed("model.")(only("conv1")(state)), "conv1", ("taken without 'model.'",)
    ),
    "of a compiled network": Case(lambda state: prefixed("_orig_mod.")(state), "conv2", ("without '_orig_mod.'",)),
    "with another head": Case(lambda state: {**state, "logits.weight": torch.zeros(7, 12)}, "conv2"),
    "with more": Case(
        lambda state: {**only("conv1")(state), "ema.rate": torch.zeros(1)}, "conv1", ("ema.rate is not the network's",)
    ),
}


def write(path: Path, case: Case) -> None:
    state = dict(case.held(trained()))
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({case.wrapped: state, "epoch": 3} if case.wrapped else state, path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the network with all trained weights."""
    folder = tmp_path_factory.mktemp("whole")
    torch.save(trained(), folder / "whole.pth")
    return export_model(SOURCE, out=folder, weights=str(folder / "whole.pth")).folder


ENDINGS = [*[(name, "pth") for name in GOOD], ("two layers", "safetensors"), ("two layers", "ckpt")]


@pytest.mark.parametrize(("name", "ending"), ENDINGS)
def test_layers_are_exported_from_the_weights_that_they_need(
    name: str, ending: str, whole: Path, tmp_path: Path
) -> None:
    case = GOOD[name]
    write(tmp_path / f"w.{ending}", case)
    asked = [SOURCE, "--weights", str(tmp_path / f"w.{ending}"), "--layers", case.layers, "--out", str(tmp_path / "m")]
    result = CliRunner().invoke(export, asked)
    assert result.exit_code == 0, result.stderr
    assert all(part in result.stderr for part in case.says), result.stderr
    assert case.says or "warning" not in result.stderr
    image = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    for layer in case.layers.split(","):
        folders = tmp_path / "m" / "vgg", whole
        found, expected = (forward(folder / f"{layer}.onnx", image) for folder in folders)
        np.testing.assert_array_equal(found, expected)


BAD = {
    "a layer after what is there": Case(
        only("conv1"), "conv1,conv2", ("lacks what conv2 needs", "conv2.weight is missing")
    ),
    "a head of another shape": Case(
        lambda state: {**state, "logits.weight": torch.zeros(7, 12)}, "logits", ("logits.weight has shape [7, 12]",)
    ),
    "another name": Case(
        lambda state: {k.replace("conv1.w", "conv_1.w"): v for k, v in state.items()},
        "relu1",
        ("conv1.weight is missing; nearest: conv_1.weight",),
    ),
    "nothing of the network's": Case(
        lambda state: {"other.weight": torch.zeros(2)}, "conv1", ("conv1.weight is missing; nearest: other.weight",)
    ),
    "no layers named": Case(only("conv1"), "all", ("conv2.weight is missing", "--layers")),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_a_layer_whose_weights_are_lacking_is_refused_with_their_names(case: Case, tmp_path: Path) -> None:
    write(tmp_path / "w.pth", case)
    asked = [SOURCE, "--weights", str(tmp_path / "w.pth"), "--layers", case.layers, "--out", str(tmp_path / "m")]
    result = CliRunner().invoke(export, asked)
    assert result.exit_code == 2
    assert all(part in " ".join(result.stderr.split()) for part in case.says), result.stderr
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("prefix", ["features.", ""], ids=["of the network", "of vgg.features"])
def test_the_features_of_torchvisions_vgg_are_enough_for_its_convolutions(prefix: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    features = torchvision.models.vgg11(num_classes=5).features.state_dict()
    safetensors.torch.save_file({f"{prefix}{k}": v for k, v in features.items()}, tmp_path / "f.safetensors")
    weights = str(tmp_path / "f.safetensors")
    made = export_model("vgg11", out=tmp_path, weights=weights, layers=["conv1_1", "pool1"])
    assert [entry.layer.name for entry in made.manifest.layers] == ["conv1_1", "pool1"]
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(made.folder / "conv1_1.onnx").graph.initializer}
    np.testing.assert_array_equal(stored["features.0.weight"], features["0.weight"].numpy())
    with pytest.raises(BadWeights, match=r"lacks what logits needs:\n  classifier\.0\.weight is missing"):
        export_model("vgg11", out=tmp_path, name="other", weights=weights, layers=["logits"])
