"""Layers have the same names whichever exporter wrote the file, and every name that the file gives them stays one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torchvision
from onnx import numpy_helper
from reverie_export import export_model
from reverie_export.aliases import without_wrapper
from reverie_export.arrangement import FirstToken
from reverie_export.layers import Target, find_targets
from reverie_export.normalise import normalise
from reverie_export.sources.open import Overrides, open_source
from torch import Tensor, nn
from torch.nn import functional

from tests.export import networks

SIZE = 32


class Nested(nn.Module):  # type: ignore[misc]
    """Containers of every kind, modules that are called twice, operations between them, and a module of the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        self.stages = nn.ModuleList([networks.Block(8, 8, 1), networks.Block(8, 8, 2)])
        self.branches = nn.ModuleDict({"narrow": nn.Conv2d(8, 4, 1), "wide": nn.Conv2d(8, 4, 3, padding=1)})
        self.act = nn.ReLU()
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        x = torch.cat([functional.relu(self.branches["narrow"](x)), functional.relu(self.branches["wide"](x))], 1)
        return self.head(self.act(functional.max_pool2d(x, 2)).mean((2, 3)))


class Wrapper(nn.Module):  # type: ignore[misc]
    """A network inside a module, as in a LightningModule."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Nested()

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def vit() -> nn.Module:
    return torchvision.models.VisionTransformer(SIZE, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)


def sequential_vgg() -> nn.Module:
    return torchvision.models.vgg11(num_classes=5).features


NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "resnet18": torchvision.models.resnet18,
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "squeezenet1_1": torchvision.models.squeezenet1_1,
    "vit": vit,
    "nested": Nested,
    "wrapper": Wrapper,
    "sequential_vgg": sequential_vgg,
}


def layers(source: str) -> dict[str, Target]:
    """Return the layers of a source, by name."""
    overrides = Overrides() if source.endswith(".onnx") else Overrides(size=(SIZE, SIZE))
    opened = open_source(source, weights=None if source.endswith(".onnx") else "random:0", overrides=overrides)
    names = normalise(opened.graph, opened.names)
    return find_targets(opened.graph.graph, names, opened.native_size)


@cache
def of_torch(network: str) -> dict[str, Target]:
    """Return the layers of a network that is exported without a file."""
    return layers(network if hasattr(torchvision.models, network) else f"tests.export.test_names:build_{network}")


def __getattr__(name: str) -> Callable[[], nn.Module]:  # what of_torch names
    if name.removeprefix("build_") in NETWORKS:
        return NETWORKS[name.removeprefix("build_")]
    raise AttributeError(name)


def write(network: str, path: Path, *, dynamo: bool) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = NETWORKS[network]().eval()
        more = {"verbose": False, "external_data": False} if dynamo else {}
        torch.onnx.export(module, (torch.randn(1, 3, SIZE, SIZE),), str(path), dynamo=dynamo, **more)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "TorchScript"])
@pytest.mark.parametrize("network", NETWORKS)
def test_layers_of_a_file_are_named_as_those_of_the_module(network: str, dynamo: bool, tmp_path: Path) -> None:
    write(network, tmp_path / "net.onnx", dynamo=dynamo)
    found, expected = layers(str(tmp_path / "net.onnx")), of_torch(network)
    # A mean over all positions is a pooling for one exporter and a plain mean, which is no layer, for the other.
    missing = {name for name in expected.keys() - found.keys() if expected[name].operator != "GlobalAveragePool"}
    assert missing == set()
    assert [name for name in found if name in expected] == [name for name in expected if name in found]
    assert all(found[name].operator == expected[name].operator for name in found.keys() & expected.keys())
    assert all(name.endswith(".sigmoid") for name in found.keys() - expected.keys())  # inside of SiLU
    if dynamo:
        by_name = {alias: target.name for target in found.values() for alias in (target.name, *target.aliases)}
        for target in expected.values():
            if target.name in found:
                aliases = set(target.aliases) - {other.value for other in found.values()}
                assert {by_name[alias] for alias in aliases} <= {target.name}


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "TorchScript"])
@pytest.mark.parametrize("network", NETWORKS)
def test_each_name_stands_for_one_layer_and_the_files_names_stay(network: str, dynamo: bool, tmp_path: Path) -> None:
    write(network, tmp_path / "net.onnx", dynamo=dynamo)
    found = layers(str(tmp_path / "net.onnx"))
    names = [name for target in found.values() for name in (target.name, *target.aliases)]
    assert len(names) == len(set(names))
    assert not [name for name in found if name.startswith(("getitem", "val_", "/"))]
    best = found.keys()
    for target in found.values():
        file_name = f"{target.value}/token0" if isinstance(target.arrangement, FirstToken) else target.value
        assert file_name in (target.name, *target.aliases) or target.value in best, target


def test_a_layer_is_exported_by_its_modules_name_from_either_file(tmp_path: Path) -> None:
    for dynamo in (True, False):
        write("nested", tmp_path / f"net{dynamo}.onnx", dynamo=dynamo)
        made = export_model(str(tmp_path / f"net{dynamo}.onnx"), out=tmp_path, layers=["stages.0.conv1", "stem"])
        assert [entry.layer.name for entry in made.manifest.layers] == ["stem.2", "stages.0.conv1"]


# ----- files of other exporters, written by hand -----


@dataclass(frozen=True)
class Row:
    """An operator: the name of its value in the file, the operator, and the names that its layer must have."""

    value: str
    operator: str
    names: tuple[str, ...]


F, M = "functional_1/", "StatefulPartitionedCall/model/"
FILES: Mapping[str, tuple[Row, ...]] = {
    "Keras 3": (
        Row(f"{F}block1_conv1_1/BiasAdd:0", "Conv", ("block1_conv1", "functional_1.block1_conv1_1.BiasAdd", "conv1_1")),
        Row(f"{F}block1_conv1_1/Relu:0", "Relu", ("block1_conv1.relu", "relu1_1")),
        Row(f"{F}block1_pool_1/MaxPool2d:0", "MaxPool", ("block1_pool", "pool1")),
        Row(f"{F}block2_conv1_1/BiasAdd:0", "Conv", ("block2_conv1", "conv2_1")),
        Row(f"{F}block2_conv1_1/Relu:0", "Relu", ("block2_conv1.relu", "relu2_1")),
        Row(f"{F}block2_pool_1/MaxPool2d:0", "MaxPool", ("block2_pool", "pool2")),
        Row(f"{F}block3_conv1_1/BiasAdd:0", "Conv", ("block3_conv1", "functional_1.block3_conv1_1.BiasAdd", "conv3_1")),
    ),
    "Keras 2, with names that end in numbers": (
        Row(f"{M}conv2d/BiasAdd:0", "Conv", ("conv2d", "model.conv2d")),
        Row(f"{M}re_lu/Relu:0", "Relu", ("re_lu",)),
        Row(f"{M}conv2d_1/BiasAdd:0", "Conv", ("conv2d_1", "model.conv2d_1")),
        Row(f"{M}re_lu_1/Relu:0", "Relu", ("re_lu_1", f"{M}re_lu_1/Relu:0")),
    ),
    "TensorFlow, with nested scopes": (
        Row("net/block/a/Conv2D:0", "Conv", ("block.a", "net.block.a.Conv2D")),
        Row("net/block/a/Relu:0", "Relu", ("block.a.relu",)),
        Row("net/block/b/Conv2D:0", "Conv", ("block.b",)),
        Row("net/head/Conv2D:0", "Conv", ("head",)),
    ),
    "Hugging Face": (
        Row("/resnet/embedder/convolution/Conv_output_0", "Conv",
            ("resnet.embedder.convolution", "embedder.convolution")),
        Row("/resnet/encoder/stages.0/layers.0/layer/layer.0/convolution/Conv_output_0", "Conv",
            ("resnet.encoder.stages.0.layers.0.layer.0.convolution",
             "/resnet/encoder/stages.0/layers.0/layer/layer.0/convolution/Conv_output_0")),
        Row("/resnet/encoder/stages.0/layers.0/activation/Relu_output_0", "Relu",
            ("resnet.encoder.stages.0.layers.0.activation",)),
    ),
    "PaddlePaddle": (
        Row("conv2d_0.tmp_0", "Conv", ("conv2d_0", "conv2d_0.tmp_0")),
        Row("relu_0.tmp_0", "Relu", ("relu_0",)),
        Row("p2o.Conv.3", "Conv", ("p2o.Conv.3",)),
    ),
    "Caffe2": (
        Row("gpu_0/conv1_1", "Conv", ("gpu_0.conv1_1", "conv1_1", "gpu_0/conv1_1")),
        Row("gpu_0/res_relu_1", "Relu", ("gpu_0.res_relu_1", "res_relu_1")),
        Row("gpu_0/conv2_1", "Conv", ("gpu_0.conv2_1",)),
    ),
    "plain names": (Row("conv", "Conv", ("conv",)), Row("relu", "Relu", ("relu",)), Row("conv_1", "Conv", ("conv_1",))),
    "numbers": (Row("12", "Conv", ("conv_0", "12")), Row("13", "Relu", ("relu_0", "13"))),
}  # fmt: skip
LINES = {
    "Conv": "Conv <pads = [1, 1, 1, 1]> ({x}, w)",
    "Relu": "Relu ({x})",
    "MaxPool": "MaxPool <kernel_shape = [2, 2], strides = [2, 2]> ({x})",
}


def by_hand(rows: tuple[Row, ...]) -> onnx.ModelProto:
    lines, x = [], "picture"
    for row in rows:
        lines.append(f'"{row.value}" = {LINES[row.operator].format(x=x)}')
        x = f'"{row.value}"'
    text = f"""<ir_version: 8, opset_import: ["": 17]> net (float[N,3,{SIZE},{SIZE}] picture) => (float[N,3,h,w] y)
        {{ {" ".join(lines)}  y = Identity ({x}) }}"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((3, 3, 3, 3), np.float32), "w"))
    return model


@pytest.mark.parametrize("rows", FILES.values(), ids=FILES)
def test_layers_of_other_exporters_have_readable_names(rows: tuple[Row, ...], tmp_path: Path) -> None:
    onnx.save(by_hand(rows), tmp_path / "net.onnx")
    found = list(layers(str(tmp_path / "net.onnx")).values())
    assert [target.name for target in found] == [row.names[0] for row in rows]
    for target, row in zip(found, rows, strict=True):
        names = (target.name, *target.aliases)
        assert {*row.names, row.value} <= set(names), names


# ----- VGG's names -----


def test_a_plain_vgg_has_the_names_of_the_field_too() -> None:
    expected = {f"{n}": name for n, name in zip(range(21), CONVS, strict=True)}
    found = of_torch("sequential_vgg")
    assert {name: target.aliases for name, target in found.items()} == {n: (name,) for n, name in expected.items()}


CONVS = [
    *("conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1", "pool2"),
    *("conv3_1", "relu3_1", "conv3_2", "relu3_2", "pool3", "conv4_1", "relu4_1", "conv4_2", "relu4_2", "pool4"),
    *("conv5_1", "relu5_1", "conv5_2", "relu5_2", "pool5"),
]


@pytest.mark.parametrize("network", ["resnet18", "mobilenet_v2", "nested", "vit"])
def test_other_networks_have_none_of_vggs_names(network: str) -> None:
    aliases = {alias for target in of_torch(network).values() for alias in target.aliases}
    assert not aliases & {*CONVS, "fc6", "fc7", "logits"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("model.a", "model.b.c"), {"model.a": "a", "model.b.c": "b.c"}),
        (("module.model.a", "module.model.b"), {"module.model.a": "a", "module.model.b": "b"}),
        (("model.a", "model.b", "relu"), {"model.a": "a", "model.b": "b"}),
        (("a.b", "c.d"), {}),
        (("features.0", "features.1"), {}),
        (("a.b",), {}),
        ((), {}),
    ],
)
def test_a_module_around_the_whole_network_may_be_left_out(names: tuple[str, ...], expected: dict[str, str]) -> None:
    assert without_wrapper(names) == expected


# ----- metadata that says something else -----

ODD = [
    "",
    "[",
    "[1, 2]",
    "['', 3]",
    "{}",
    "[" * 5000,
    "['layer1', 'conv']",
    "['', 'a', 'b']" + " " * 20_000,
    "__import__('os')",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_metadata_that_is_not_torchs_is_ignored(text: str, tmp_path: Path) -> None:
    model = by_hand(FILES["plain names"])
    for node in model.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=text)
    onnx.save(model, tmp_path / "net.onnx")
    assert list(layers(str(tmp_path / "net.onnx"))) == ["conv", "relu", "conv_1"]


def test_the_other_metadata_of_torch_names_layers_too(tmp_path: Path) -> None:
    model = by_hand(FILES["plain names"])
    for node, path in zip(model.graph.node, ("a", "a", "b.c"), strict=False):
        node.metadata_props.add(key="namespace", value=f": own.Net/{path}: own.Part/{node.op_type.lower()}: aten.x")
    onnx.save(model, tmp_path / "net.onnx")
    assert list(layers(str(tmp_path / "net.onnx"))) == ["a", "a.relu", "b.c"]
