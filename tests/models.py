"""A tiny random network as a model folder, made in milliseconds: a small VGG with every kind of layer.

conv1_1 relu1_1 pool1 conv2_1 relu2_1 pool2 conv3_1 relu3_1 logits, for pictures of 8 pixels and more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf import json_format
from onnx import TensorProto, numpy_helper
from reverie_gradient import with_gradient
from reverie_proto.v1 import catalog_pb2, manifest_pb2

from tests.sizes import square

CHANNELS = {"conv1_1": 6, "conv2_1": 8, "conv3_1": 10}
LABELS = ("ring", "stripe", "dot", "leaf", "shell")


@dataclass(frozen=True)
class Layer:
    """One layer: how it is computed from the layer before it, and its entry in the catalogue."""

    name: str
    node: str
    channels: int
    stride: int
    sees: int
    alias: str
    preactivation: str = ""


LAYERS = [
    Layer("conv1_1", "Conv <pads = [1, 1, 1, 1]> ({x}, {w}, {b})", 6, 1, 3, "features.0"),
    Layer("relu1_1", "Relu({x})", 6, 1, 3, "features.1", "conv1_1"),
    Layer("pool1", "MaxPool <kernel_shape = [2, 2], strides = [2, 2]> ({x})", 6, 2, 4, "features.2"),
    Layer("conv2_1", "Conv <pads = [1, 1, 1, 1]> ({x}, {w}, {b})", 8, 2, 8, "features.3"),
    Layer("relu2_1", "Relu({x})", 8, 2, 8, "features.4", "conv2_1"),
    Layer("pool2", "MaxPool <kernel_shape = [2, 2], strides = [2, 2]> ({x})", 8, 4, 10, "features.5"),
    Layer("conv3_1", "Conv <pads = [1, 1, 1, 1]> ({x}, {w}, {b})", 10, 4, 18, "features.6"),
    Layer("relu3_1", "Relu({x})", 10, 4, 18, "features.7", "conv3_1"),
    Layer("logits", "Gemm <transB = 1> ({x}, {w}, {b})", 5, 0, 0, "classifier.0"),
]


def write_tiny_model(folder: Path, *, seed: int = 0, bias: float = 0.0, gain: float = 1.0, channels: int = 3) -> Path:
    """Write the model, for pictures with ``channels`` channels, named after its folder, and return the folder.

    ``bias`` is added to that of every convolution: far below zero it kills all ReLUs. ``gain`` multiplies all weights.
    """
    folder.mkdir(parents=True)
    weights = _weights(seed, bias, gain, channels)
    places, blob = {}, b""
    for name, array in weights.items():
        blob += bytes(-len(blob) % 64)
        places[name] = len(blob)
        blob += array.tobytes()
    (folder / "weights.bin").write_bytes(blob)
    entries = []
    for i, layer in enumerate(LAYERS):
        model = _layer_graph(LAYERS[: i + 1], weights)
        for tensor in model.graph.initializer:
            if tensor.name in places and len(tensor.raw_data) >= 64:
                _move_out(tensor, places[tensor.name])
        (folder / f"{layer.name}.onnx").write_bytes(model.SerializeToString())
        entries.append(_entry(layer))
    files = [
        manifest_pb2.File(
            name=path.name, size_bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(folder.iterdir())
    ]
    manifest = manifest_pb2.Manifest(
        format_version=2,
        name=folder.name,
        description="A tiny random network.",
        reverie_version="0",
        opset=18,
        source=manifest_pb2.Source(model="tests", weights=f"random:{seed}"),
        normalisation=manifest_pb2.Normalisation(
            scale=1, mean=[0.5] * channels, std=[0.25] * channels, channel_order="RGB"
        ),
        labels=LABELS,
        native_size=square(32),
        image_channels=channels if channels != 3 else 0,  # 0 as in older manifests, which means 3
        layers=entries,
        files=files,
    )
    fields = json_format.MessageToDict(manifest, preserving_proto_field_name=True)
    (folder / "manifest.json").write_text(json.dumps(fields, indent=2, sort_keys=True))
    return folder


def _weights(seed: int, bias: float, gain: float, picture: int) -> Mapping[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    column = (1, picture, 1, 1)
    weights: dict[str, np.ndarray] = {"mean": np.full(column, 0.5), "std": np.full(column, 0.25)}
    before = picture
    for name, channels in CHANNELS.items():
        weights[f"{name}_w"] = gain * rng.standard_normal((channels, before, 3, 3)) * np.sqrt(2 / (9 * before))
        weights[f"{name}_b"] = rng.standard_normal(channels) * 0.05 + bias
        before = channels
    weights["logits_w"] = gain * rng.standard_normal((len(LABELS), before)) / np.sqrt(before)
    weights["logits_b"] = np.zeros(len(LABELS))
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _layer_graph(layers: Sequence[Layer], weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Return the layer graph of the last of ``layers``."""
    lines = ["centred = Sub(image, mean)", "x = Div(centred, std)"]
    before = "x"
    for layer in layers:
        name = "activation" if layer is layers[-1] else layer.name
        if layer.stride == 0:
            lines += [f"pooled = GlobalAveragePool({before})", "flat = Flatten(pooled)"]
            before = "flat"
        lines.append(f"{name} = " + layer.node.format(x=before, w=f"{layer.name}_w", b=f"{layer.name}_b"))
        before = name
    last, channels = layers[-1], weights["mean"].size
    shape = f"N, {last.channels}" + (", h, w" if last.stride else "")
    signature = f"{last.name} (float[N, {channels}, H, W] image) => (float[{shape}] activation)"
    text = f'<ir_version: 9, opset_import: ["": 18]> {signature}'
    model = onnx.parser.parse_model(f"{text} {{ {' '.join(lines)} }}")
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in weights.items() if name in used)
    model = with_gradient(model, of="activation", wrt="image")
    renamed = {"activation_cotangent": "cotangent", "image_gradient": "gradient"}
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = renamed.get(value.name, value.name)
    onnx.checker.check_model(model, full_check=True)
    return model


def _move_out(tensor: TensorProto, offset: int) -> None:
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def _entry(layer: Layer) -> manifest_pb2.ExportedLayer:
    return manifest_pb2.ExportedLayer(
        layer=catalog_pb2.Layer(
            name=layer.name,
            aliases=[layer.alias],
            operator=layer.node.replace("(", " ").split()[0],
            channels=layer.channels,
            spatial=layer.stride > 0,
            stride=square(layer.stride) if layer.stride else None,
            receptive_field=square(layer.sees),
            min_size=square(8),
            size_multiple=square(1),
        ),
        file=f"{layer.name}.onnx",
        preactivation=layer.preactivation,
    )
