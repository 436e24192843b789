"""VGG19 up to any layer, with random weights (He et al. 2015, arXiv:1502.01852) that are equal for all contenders."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
CLASSES, WIDE = 1000, 4096
CHANNEL = 7
"""The channel that all contenders optimise."""

LAYERS = [f"conv{block}_{i}" for block, (_, depth) in enumerate(BLOCKS, 1) for i in range(1, depth + 1)]

Weights = list[tuple[str, np.ndarray, np.ndarray]]


def weights(last: str) -> Weights:
    """Return name, weights and bias of the layers up to ``last``, a convolution or "logits", drawn at random."""
    rng = np.random.default_rng(0)
    drawn: Weights = []

    def draw(name: str, *shape: int) -> None:
        w = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        drawn.append((name, w, rng.standard_normal(shape[0], np.float32) * np.float32(0.05)))

    channels = 3
    for name in LAYERS:
        width = BLOCKS[int(name[4]) - 1][0]
        draw(name, width, channels, 3, 3)
        channels = width
        if name == last:
            return drawn
    if last != "logits":
        raise SystemExit(f"VGG19 has no layer {last!r}")
    draw("fc6", WIDE, channels * 7 * 7)
    draw("fc7", WIDE, WIDE)
    draw("logits", CLASSES, WIDE)
    return drawn


def channels(layer: str) -> int:
    """Return how many channels a layer has."""
    return CLASSES if layer == "logits" else BLOCKS[int(layer[4]) - 1][0]


def grid(layer: str, size: int) -> tuple[int, ...]:
    """Return height and width of a layer's activation for a picture's size; empty for logits."""
    side = size // 2 ** (int(layer[4]) - 1) if layer != "logits" else 0
    return () if layer == "logits" else (side, side)


def image(size: int, batch: int = 1) -> np.ndarray:
    """Return random images [batch, 3, size, size]."""
    return np.random.default_rng(1).standard_normal((batch, 3, size, size)).astype(np.float32)


def graph(layer: str, size: int | None = None, batch: int | None = None) -> onnx.ModelProto:
    """Build the graph of the network up to a layer; sizes that are not given stay free."""
    nodes: list[onnx.NodeProto] = []
    drawn = weights(layer)
    value = "image"
    for k, (name, w, _) in enumerate(drawn):
        if name.endswith("_1") and name != "conv1_1":
            value = _append(nodes, "MaxPool", [value], f"pool{int(name[4]) - 1}", kernel_shape=[2, 2], strides=[2, 2])
        if name == "fc6":
            value = _append(nodes, "MaxPool", [value], "pool5", kernel_shape=[2, 2], strides=[2, 2])
            value = _append(nodes, "Flatten", [value], "flat")
        parameters = [value, f"{name}.w", f"{name}.b"]
        convolves = w.ndim == 4
        kind, attributes = ("Conv", {"pads": [1, 1, 1, 1]}) if convolves else ("Gemm", {"transB": 1})
        value = _append(nodes, kind, parameters, name, **attributes)
        if k + 1 < len(drawn):
            value = _append(nodes, "Relu", [value], f"{name}.relu")
    places = ["h", "w"] if size is None else [*grid(layer, size)]
    shape = [batch or "N", channels(layer), *(places if layer != "logits" else [])]
    made = helper.make_graph(
        nodes,
        "vgg19",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch or "N", 3, size or "H", size or "W"])],
        [helper.make_tensor_value_info(layer, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(a, f"{n}.{k}") for n, w, b in drawn for k, a in (("w", w), ("b", b))],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _append(nodes: list[onnx.NodeProto], kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
    nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
    return output


def torch_network(layer: str, *, double: bool = False) -> Any:
    """Return the network up to a layer as a torch module whose children have the layers' names."""
    import torch
    from torch import nn

    modules: dict[str, nn.Module] = {}
    drawn = weights(layer)
    for k, (name, w, b) in enumerate(drawn):
        if name == "fc6" or (name.endswith("_1") and name != "conv1_1"):
            modules[f"pool{5 if name == 'fc6' else int(name[4]) - 1}"] = nn.MaxPool2d(2)
        if name == "fc6":
            # What torchvision has there; Lucent's transforms give pictures of other sizes.
            modules["avgpool"], modules["flatten"] = nn.AdaptiveAvgPool2d(7), nn.Flatten()
        outputs, inputs = w.shape[:2]
        part = nn.Conv2d(inputs, outputs, 3, padding=1) if w.ndim == 4 else nn.Linear(inputs, outputs)
        part.weight.data, part.bias.data = torch.from_numpy(w), torch.from_numpy(b)
        modules[name] = part
        if k + 1 < len(drawn):
            modules[f"relu_{name}"] = nn.ReLU()
    network = nn.Sequential()
    for name, module in modules.items():
        network.add_module(name, module)
    network.requires_grad_(False)
    return network.eval().to(torch.float64 if double else torch.float32)
