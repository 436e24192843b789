"""Compares a network in ONNX with the same network in torch: equal weights and cotangents must give equal gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from reverie_gradient import with_gradient

from tests.gradient.gradcheck import evaluate, session

torch = pytest.importorskip("torch")

Weights = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """``body`` and ``twin`` compute the same ``y`` from an ``image`` of the size ``shape`` and the ``weights``."""

    name: str
    weights: dict[str, tuple[int, ...]]
    body: str
    twin: Callable[[Any, Weights], Any]
    shape: tuple[int, ...] = (2, 3, 16, 20)
    opset: int = 18

    def model(self, dtype: str) -> onnx.ModelProto:
        """Leave the batch and the size of the image free."""
        inputs = ["T_[N,3,H,W] image", *(f"T_{list(shape)} {name}" for name, shape in self.weights.items())]
        text = f"g ({', '.join(inputs)}) => (T_ y) {{ {self.body} }}".replace("T_", dtype)
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {self.opset}]> {text}')
        model.graph.output[0].type.tensor_type.ClearField("shape")
        return model


def check_float64(network: Network) -> None:
    """Assert that the gradient is torch's to nine digits."""
    feeds, dx, _ = twin(network)
    built = with_gradient(network.model("double"), of="y", wrt="image")
    (found,) = evaluate(built, ["image_gradient"], feeds)
    assert np.linalg.norm(found - dx) <= 1e-9 * np.linalg.norm(dx)


def check_float32(network: Network) -> None:
    """Assert that in ONNX Runtime the values and the gradient are torch's to what float32 allows."""
    feeds, dx, y = twin(network)
    built = with_gradient(network.model("float"), of="y", wrt="image")
    found_y, found = session(built).run(["y", "image_gradient"], {n: v.astype(np.float32) for n, v in feeds.items()})
    np.testing.assert_allclose(found_y, y, rtol=1e-4, atol=1e-5)
    assert np.linalg.norm(found - dx) <= 1e-5 * np.linalg.norm(dx)


def twin(network: Network) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return what to feed, and the image's gradient and ``y`` by torch in float64."""
    rng = np.random.default_rng(0)
    shapes = {"image": network.shape} | network.weights
    feeds = {n: rng.standard_normal(s) / np.sqrt(math.prod(s[1:])) for n, s in shapes.items()}
    feeds["image"] = rng.standard_normal(network.shape)
    tensors = {n: torch.tensor(v) for n, v in feeds.items()}
    image = tensors["image"].requires_grad_()
    y = network.twin(image, tensors)
    dy = rng.standard_normal(y.shape)
    (dx,) = torch.autograd.grad(y, image, torch.tensor(dy))
    return feeds | {"y_cotangent": dy}, np.asarray(dx.numpy()), np.asarray(y.detach().numpy())
