"""The manifest of a model: names, operators, strides, sizes, digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import json_format
from reverie_export import export_model
from reverie_proto.sizes import from_message
from reverie_proto.v1 import manifest_pb2, size_pb2

from tests.export import networks
from tests.export.conftest import Export
from tests.export.oracle import forward, runtime
from tests.sizes import square


@dataclass(frozen=True)
class Row:
    """One layer as the manifest must describe it; ``sizes`` are the smallest picture and the step from there on."""

    name: str
    operator: str
    channels: int
    stride: int
    field: int
    sizes: tuple[int, int]
    preactivation: str = ""
    aliases: tuple[str, ...] = ()


CATALOGUES = {
    "vgg": [
        Row("conv1", "Conv", 6, 1, 3, (1, 1), aliases=("conv1_1",)),
        Row("relu1", "Relu", 6, 1, 3, (1, 1), "conv1", ("relu1_1",)),
        Row("pool1", "MaxPool", 6, 2, 4, (2, 1)),
        Row("conv2", "Conv", 8, 2, 8, (2, 1), aliases=("conv2_1",)),
        Row("relu2", "Relu", 8, 2, 8, (2, 1), "conv2", ("relu2_1",)),
        Row("pool2", "MaxPool", 8, 4, 10, (4, 1)),
        Row("fc", "Gemm", 12, 0, 0, (8, 8)),
        Row("relu3", "Relu", 12, 0, 0, (8, 8), "fc"),
        Row("logits", "Gemm", 5, 0, 0, (8, 8)),
    ],
    "residual": [
        Row("stem", "Conv", 6, 2, 7, (1, 1)),
        Row("maxpool", "MaxPool", 6, 4, 11, (1, 1)),
        Row("layer1.conv1", "Conv", 6, 4, 19, (1, 1), aliases=("layer1.bn1",)),
        Row("layer1.relu", "Relu", 6, 4, 19, (1, 1), "layer1.conv1"),
        Row("layer1.conv2", "Conv", 6, 4, 27, (1, 1), aliases=("layer1.bn2",)),
        Row("layer1.add", "Add", 6, 4, 27, (1, 1)),
        Row("layer1.relu_1", "Relu", 6, 4, 27, (1, 1), "layer1.add", ("layer1",)),
        Row("layer2.conv1", "Conv", 8, 8, 35, (1, 1), aliases=("layer2.bn1",)),
        Row("layer2.relu", "Relu", 8, 8, 35, (1, 1), "layer2.conv1"),
        Row("layer2.conv2", "Conv", 8, 8, 51, (1, 1), aliases=("layer2.bn2",)),
        Row("layer2.downsample", "Conv", 8, 8, 27, (1, 1)),
        Row("layer2.add", "Add", 8, 8, 51, (1, 1)),
        Row("layer2.relu_1", "Relu", 8, 8, 51, (1, 1), "layer2.add", ("layer2",)),
        Row("avgpool", "GlobalAveragePool", 8, 0, 0, (1, 1)),
        Row("fc", "Gemm", 5, 0, 0, (1, 1)),
    ],
    "branches": [
        Row("narrow", "Conv", 4, 1, 1, (1, 1)),
        Row("relu", "Relu", 4, 1, 1, (1, 1), "narrow"),
        Row("wide", "Conv", 4, 1, 5, (1, 1)),
        Row("sigmoid", "Sigmoid", 4, 1, 5, (1, 1)),
        Row("cat", "Concat", 8, 1, 5, (1, 1)),
        Row("norm", "Add", 8, 1, 5, (1, 1)),
        Row("relu_1", "Relu", 8, 1, 5, (1, 1), "norm"),
        Row("pool", "AveragePool", 8, 2, 6, (2, 1)),
        Row("grouped", "Conv", 8, 2, 10, (2, 1)),
        Row("leaky", "LeakyRelu", 8, 2, 10, (2, 1)),
        Row("dilated", "Conv", 6, 2, 18, (10, 1)),
        Row("tanh", "Tanh", 6, 2, 18, (10, 1)),
    ],
    "fixed": [
        Row("conv", "Conv", 4, 2, 3, (3, 1)),
        Row("relu", "Relu", 4, 2, 3, (3, 1), "conv"),
        Row("fc", "Gemm", 5, 0, 0, (32, 32)),
    ],
}


def side(size: size_pb2.Size) -> int:
    """Return height and width, which are equal."""
    height, width = from_message(size)
    assert height == width
    return height


@pytest.mark.parametrize("network", CATALOGUES)
def test_layers_are_described_in_order_from_the_picture(exported: Export, network: str) -> None:
    found = [
        Row(
            e.layer.name,
            e.layer.operator,
            e.layer.channels,
            side(e.layer.stride),
            side(e.layer.receptive_field),
            (side(e.layer.min_size), side(e.layer.size_multiple)),
            e.preactivation,
            tuple(e.layer.aliases),
        )
        for e in exported(network).manifest.layers
    ]
    assert found == CATALOGUES[network]


@pytest.mark.parametrize("layer", ["stem", "maxpool", "layer1.add", "layer2.conv2"])
def test_a_receptive_field_is_as_far_as_a_gradient_reaches(exported: Export, layer: str) -> None:
    made = exported("residual")
    (entry,) = (e for e in made.manifest.layers if e.layer.name == layer)
    size = 128
    rng = np.random.default_rng(0)
    reached = np.zeros((size, size), bool)
    for _ in range(8):  # dead units and lost maxima hide different pixels of each picture
        image = rng.random((1, 3, size, size), np.float32)
        cotangent = np.zeros_like(forward(made.folder / entry.file, image))
        cotangent[:, :, cotangent.shape[2] // 2, cotangent.shape[3] // 2] = 1
        reached |= np.abs(runtime(made.folder / entry.file, image, cotangent)[1]).max((0, 1)) > 0
    rows = np.flatnonzero(reached.any(1))
    assert rows[-1] - rows[0] + 1 <= side(entry.layer.receptive_field)
    assert rows[-1] - rows[0] + 1 >= side(entry.layer.receptive_field) - 2 * side(entry.layer.stride)


@pytest.mark.parametrize("network", ["vgg", "residual", "branches"])
def test_every_layer_runs_at_its_smallest_size_and_not_below(exported: Export, network: str) -> None:
    made = exported(network)
    for entry in made.manifest.layers:
        least = side(entry.layer.min_size)
        activation = forward(made.folder / entry.file, np.ones((1, 3, least, least)))
        assert activation.size > 0
        assert np.isfinite(activation).all()


def test_the_manifest_says_where_the_model_comes_from(exported: Export) -> None:
    manifest = exported("vgg").manifest
    assert manifest.format_version == 2
    assert manifest.name == "vgg"
    assert manifest.opset == 18
    assert manifest.source.model == "tests.export.networks:vgg"
    assert manifest.source.weights == "random:1"
    assert manifest.source.versions["torch"] == torch.__version__
    assert list(manifest.normalisation.mean) == pytest.approx(networks.MEAN)
    assert list(manifest.normalisation.std) == pytest.approx(networks.STD)
    assert (manifest.normalisation.scale, manifest.normalisation.channel_order) == (1, "RGB")
    assert tuple(manifest.labels) == networks.LABELS
    assert manifest.native_size == square(networks.SIZE)


def test_the_name_of_the_callable_is_more_specific_than_its_module(exported: Export) -> None:
    manifest = exported("bytes_in_bgr").manifest
    assert (manifest.normalisation.scale, manifest.normalisation.channel_order) == (255, "BGR")
    assert list(manifest.normalisation.mean) == pytest.approx(networks.bytes_in_bgr.mean)  # type: ignore[attr-defined]
    assert list(manifest.labels) == []


def test_the_manifest_lists_every_file_by_digest(exported: Export) -> None:
    made = exported("vgg")
    listed = {f.name: (f.size_bytes, f.sha256) for f in made.manifest.files}
    files = {p.name: p.read_bytes() for p in made.folder.iterdir() if p.name != "manifest.json"}
    assert listed == {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    read = json_format.Parse((made.folder / "manifest.json").read_text(), manifest_pb2.Manifest())
    assert read == made.manifest


def test_the_manifest_is_sorted_json_with_the_names_of_the_proto(exported: Export) -> None:
    text = (exported("vgg").folder / "manifest.json").read_text()
    fields = json.loads(text)
    assert text == json.dumps(fields, indent=2, sort_keys=True) + "\n"
    assert {"format_version", "native_size", "reverie_version"} <= fields.keys()


def test_the_digest_of_the_weights_is_as_documented(exported: Export) -> None:
    torch.manual_seed(1)
    sha = hashlib.sha256()
    for name, tensor in sorted(networks.vgg().state_dict().items()):
        shape = "x".join(map(str, tensor.shape))
        sha.update(f"{name} <f4 {shape}\n".encode() + tensor.numpy().tobytes())
    assert exported("vgg").manifest.source.weights_digest == sha.hexdigest()


def test_every_layer_is_verified_at_two_sizes_if_possible(exported: Export) -> None:
    for network in CATALOGUES:
        for entry in exported(network).manifest.layers:
            assert entry.verification.reference == f"torch {torch.__version__}"
            only = (network, entry.layer.name) == ("fixed", "fc")
            assert len(set(map(from_message, entry.verification.sizes))) == (1 if only else 2)
            assert entry.verification.activation_error < 1e-6
            assert 0 < entry.verification.gradient_error < 1e-4


def test_the_same_export_twice_gives_the_same_bytes(exported: Export, tmp_path: Path) -> None:
    first = exported("vgg")
    second = export_model("tests.export.networks:vgg", out=tmp_path, weights="random:1")
    for path in first.folder.iterdir():
        assert path.read_bytes() == (second.folder / path.name).read_bytes(), path.name


def test_only_the_chosen_layers_are_exported(tmp_path: Path) -> None:
    made = export_model("tests.export.networks:residual", out=tmp_path, layers=["layer1.relu", "layer2.bn2"])
    assert [e.layer.name for e in made.manifest.layers] == ["layer1.relu", "layer2.conv2"]
    assert made.manifest.source.weights == "as built"
