"""Every layer's graph has the agreed inputs and outputs, and computes the same as the network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from tests.export import networks
from tests.export.conftest import Export
from tests.export.oracle import distance, eager, runtime, shape_of

NETWORKS = ["vgg", "residual", "branches", "fixed", "bytes_in_bgr"]


@pytest.mark.parametrize("network", NETWORKS)
def test_graphs_are_plain_onnx_with_the_agreed_inputs_and_outputs(exported: Export, network: str) -> None:
    made = exported(network)
    for entry in made.manifest.layers:
        path = made.folder / entry.file
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path, load_external_data=False)
        assert model.ir_version == 9
        assert [(i.domain, i.version) for i in model.opset_import] == [("", 18)]
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
        notes: list[Any] = [*model.graph.node, *model.graph.value_info, *model.graph.initializer, model.graph, model]
        assert [len(thing.metadata_props) for thing in notes] == [0] * len(notes)  # the exporter's, of no use here
        shapes = {v.name: dims(v) for v in (*model.graph.input, *model.graph.output)}
        assert [v.name for v in model.graph.input] == ["image", "cotangent"]
        assert [v.name for v in model.graph.output] == ["activation", "gradient"]
        assert {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)} == {1}
        assert shapes["image"] == shapes["gradient"] == ["N", 3, "H", "W"]
        assert shapes["cotangent"] == shapes["activation"]
        assert shapes["activation"][:2] == ["N", entry.layer.channels]
        assert len(shapes["activation"]) == (4 if entry.layer.spatial else 2)


@pytest.mark.parametrize("network", NETWORKS)
def test_all_graphs_share_one_file_of_weights(exported: Export, network: str) -> None:
    made = exported(network)
    size = (made.folder / "weights.bin").stat().st_size
    places: dict[str, tuple[int, int]] = {}
    for entry in made.manifest.layers:
        model = onnx.load(made.folder / entry.file, load_external_data=False)
        for tensor in model.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                place = {e.key: e.value for e in tensor.external_data}
                assert place["location"] == "weights.bin"
                offset, length = int(place["offset"]), int(place["length"])
                assert offset % 64 == 0
                assert offset + length <= size
                assert places.setdefault(tensor.name, (offset, length)) == (offset, length)
            else:
                assert len(tensor.SerializeToString()) < 512
    covered = sorted(places.values())
    assert covered[0][0] == 0
    assert all(a[0] + a[1] <= b[0] < a[0] + a[1] + 64 for a, b in itertools.pairwise(covered))
    assert covered[-1][0] + covered[-1][1] == size


@dataclass(frozen=True)
class Case:
    """The layer of ``network`` that the module at ``path`` computes, on ``shape`` pictures."""

    network: str
    layer: str
    path: str
    shape: tuple[int, int, int]  # N, H, W


CASES = [
    # --- any number of pictures, any height and width ---
    Case("vgg", "conv1", "conv1", (3, 20, 31)),
    Case("vgg", "relu2", "relu2", (2, 17, 45)),
    Case("vgg", "pool2", "pool2", (3, 4, 21)),
    # --- multiples of the native size behind the pooling to 2 x 2 ---
    Case("vgg", "fc", "fc", (1, 8, 8)),
    Case("vgg", "relu3", "relu3", (3, 16, 16)),
    Case("vgg", "logits", "logits", (2, 24, 8)),
    # --- residual sums, strides, folded normalisation, any size down to the classifier ---
    Case("residual", "stem", "stem", (2, 33, 18)),
    Case("residual", "maxpool", "maxpool", (2, 33, 18)),
    Case("residual", "layer1.conv1", "layer1.bn1", (2, 33, 21)),
    Case("residual", "layer2.conv2", "layer2.bn2", (1, 40, 27)),
    Case("residual", "layer2.downsample", "layer2.downsample", (3, 32, 19)),
    Case("residual", "layer2.relu_1", "layer2", (2, 27, 36)),
    Case("residual", "avgpool", "avgpool", (2, 27, 36)),
    Case("residual", "fc", "fc", (3, 50, 21)),
    # --- branches, groups, dilation, average pooling, a normalisation that cannot be folded ---
    Case("branches", "wide", "wide", (2, 12, 15)),
    Case("branches", "norm", "norm", (2, 12, 15)),
    Case("branches", "pool", "pool", (2, 13, 15)),
    Case("branches", "leaky", "leaky", (2, 13, 15)),
    Case("branches", "dilated", "dilated", (1, 14, 23)),
    # --- one size only ---
    Case("fixed", "relu", "relu", (2, 32, 27)),
    Case("fixed", "fc", "fc", (3, 32, 32)),
    # --- another range and order of channels ---
    Case("bytes_in_bgr", "relu", "relu", (2, 9, 14)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.network}-{c.layer}-{c.shape}")
def test_layers_compute_the_same_as_torch(exported: Export, case: Case) -> None:
    made = exported(case.network)
    torch.manual_seed(1)
    call = getattr(networks, case.network)
    module = call()
    n, height, width = case.shape
    rng = np.random.default_rng(0)
    image = rng.random((n, 3, height, width), np.float32)
    cotangent = rng.standard_normal(shape_of(module, case.path, image)).astype(np.float32)
    normalise = {
        key: getattr(call, key, getattr(networks, key.upper(), default))
        for key, default in (("mean", None), ("std", None), ("scale", 1.0), ("channel_order", "RGB"))
    }
    expected = eager(module, case.path, image, normalise, cotangent)
    (file,) = (entry.file for entry in made.manifest.layers if entry.layer.name == case.layer)
    found = runtime(made.folder / file, image, cotangent)
    assert distance(found[0], expected[0]) < 1e-5
    assert distance(found[1], expected[1]) < 1e-4


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
