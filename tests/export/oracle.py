"""Activations and gradients of layers, by the user's module in torch and by the exported graphs in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx.utils
import onnxruntime
import torch
from torch import nn

Arrays = tuple[np.ndarray, np.ndarray]


def eager(module: nn.Module, path: str, image: np.ndarray, normalise: dict[str, Any], cotangent: np.ndarray) -> Arrays:
    """The output of the submodule at ``path`` (where it is first called), and d<output, cotangent> / d image."""
    module = module.eval().double()
    x = torch.from_numpy(image.astype(np.float64)).requires_grad_()
    mean, std = (torch.tensor(normalise[k], dtype=torch.float64).reshape(1, 3, 1, 1) for k in ("mean", "std"))
    ordered = x.flip(1) if normalise.get("channel_order") == "BGR" else x
    caught: list[torch.Tensor] = []

    def catch(_: nn.Module, __: object, output: torch.Tensor) -> None:
        if not caught:
            caught.append(output.clone())  # the next module may overwrite it in place

    hook = module.get_submodule(path).register_forward_hook(catch)
    try:
        module((normalise.get("scale", 1.0) * ordered - mean) / std)
    except RuntimeError:
        assert caught, "the network failed before the layer"  # a later layer may refuse a picture of this size
    finally:
        hook.remove()
    c = torch.from_numpy(cotangent.astype(np.float64))
    (gradient,) = torch.autograd.grad(caught[0], x, c)
    return caught[0].detach().numpy(), gradient.numpy()


def shape_of(module: nn.Module, path: str, image: np.ndarray) -> tuple[int, ...]:
    """The shape of the submodule's output."""
    caught: list[tuple[int, ...]] = []
    hook = module.get_submodule(path).register_forward_hook(lambda m, i, o: caught.append(tuple(o.shape)))
    try:
        with torch.no_grad():
            module.eval().double()(torch.from_numpy(image.astype(np.float64)))
    except RuntimeError:
        assert caught
    finally:
        hook.remove()
    return caught[0]


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def runtime(file: Path, image: np.ndarray, cotangent: np.ndarray) -> Arrays:
    """Activation and gradient of a layer's graph, as any user of ONNX Runtime would get them."""
    feeds = {"image": image.astype(np.float32), "cotangent": cotangent.astype(np.float32)}
    activation, gradient = session(file).run(["activation", "gradient"], feeds)
    return activation, gradient


def forward(file: Path, image: np.ndarray) -> np.ndarray:
    """The activation by the forward part of a layer's graph alone."""
    part = onnx.utils.Extractor(onnx.load(file)).extract_model(["image"], ["activation"])
    return np.asarray(session(part.SerializeToString()).run(["activation"], {"image": image.astype(np.float32)})[0])


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Relative L2 distance."""
    assert found.shape == expected.shape
    return float(np.linalg.norm(found.astype(np.float64) - expected) / np.linalg.norm(expected))
