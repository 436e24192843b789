"""Shared by the gradient examples: a classifier as a plain ONNX model, a picture, and functions to show the result.

The classifier is the forward half of the embedded network, so nothing has to be downloaded. Any .onnx file works.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from PIL import Image
from reverie_ascent.models.repository import embedded_models
from reverie_ascent.runtime.ort import onnxruntime

from demo_model.draw import draw
from demo_model.motifs import LABELS

Array = npt.NDArray[np.float32]


def classifier() -> onnx.ModelProto:
    """Return the classifier without gradients: image [N, 3, H, W] in [0, 1] -> logits [N, 56]."""
    model = ir.load(embedded_models() / "texture19" / "logits.onnx")
    image, activation = model.graph.inputs[0], model.graph.outputs[0]
    activation.name = "logits"
    forward = ir.Model(ir.convenience.extract(model.graph, [image], [activation]), ir_version=model.ir_version)
    return ir.to_proto(ir.external_data.load_to_model(forward))


def picture(label: str, seed: int, size: int = 128) -> Array:
    """Draw a picture of a class, [1, 3, size, size] in [0, 1]."""
    return draw(LABELS.index(label), seed=seed, size=size).transpose(2, 0, 1)[None]


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Load a model on the CPU."""
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def side_by_side(*pictures: Array) -> Image.Image:
    """Return one image with the pictures [1, 3, H, W] in a row."""
    row = np.concatenate([p[0].transpose(1, 2, 0) for p in pictures], axis=1)
    return Image.fromarray(np.rint(row.clip(0, 1) * 255).astype(np.uint8))
