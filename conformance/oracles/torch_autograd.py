"""The oracle torch.autograd: computes a graph node by node with torch's functions, and differentiates with torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from conformance.oracles.contract import Refused
from conformance.oracles.torch_operators import arranging, elementwise, networks
from conformance.oracles.torch_operators.call import Call, Tensor, attributes

FUNCTIONS = {**elementwise.FUNCTIONS, **arranging.FUNCTIONS, **networks.FUNCTIONS}


def version() -> str:
    """Return the release."""
    return str(torch.__version__)


def preference(opset: int) -> int:
    """Prefer the newest form."""
    return opset


def gradient(file: Path, feeds: Mapping[str, np.ndarray], cotangent: np.ndarray, of: str, wrt: str) -> np.ndarray:
    """Return d<of, cotangent> / d wrt."""
    model = onnx.load(file)
    tensors: dict[str, Tensor] = {
        t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer
    }
    tensors |= {name: torch.from_numpy(array.copy()).requires_grad_(name == wrt) for name, array in feeds.items()}
    opset = model.opset_import[0].version
    for node in model.graph.node:
        if node.op_type not in FUNCTIONS:
            raise Refused(f"torch has no {node.op_type}")
        inputs = [tensors[name] if name else None for name in node.input]
        try:
            found = FUNCTIONS[node.op_type](Call(inputs, attributes(node), opset, len(node.output)))
        except NotImplementedError as error:
            raise Refused(str(error)) from error
        outputs = found if isinstance(found, tuple | list) else [found]
        tensors |= dict(zip(node.output, outputs, strict=False))
    seed = torch.from_numpy(cotangent.copy())
    return np.asarray(torch.autograd.grad(tensors[of], tensors[wrt], seed)[0].numpy())
