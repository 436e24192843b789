"""Windows of random geometry: kernels, strides, pads, dilations and sizes that nobody would think of.

Pooling by average or maximum and convolution are, around almost every x, linear in x: y = A x. The gradient is A's
transpose times the cotangent c, so <c, y> = <dx, x>, and a mistake in any element of dx shows for random x and c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from reverie_gradient import with_gradient

GEOMETRIES = 120

Kernel = tuple[int, ...]


def between(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    return [int(n) for n in rng.integers(low, high + 1, count)]


def pool(rng: np.random.Generator, op: str) -> tuple[onnx.NodeProto, dict[str, np.ndarray], list[int]]:
    """A pool of up to three dimensions; in a pool no window may lie in its pads alone."""
    dims = int(rng.integers(1, 4))
    kernel, strides = between(rng, 1, 4, dims), between(rng, 1, 4, dims)
    dilations = between(rng, 1, 2, dims) if rng.random() < 0.3 else [1] * dims
    pads = [int(rng.integers(0, k)) for k in kernel * 2]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = [max(1, r - min(a, b)) + int(rng.integers(0, 5))
            for r, a, b in zip(reach, pads[:dims], pads[dims:], strict=True)]  # fmt: skip
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations}
    if op == "AveragePool":
        attributes["count_include_pad"] = int(rng.integers(0, 2))
    return helper.make_node(op, ["x"], ["y"], **attributes), {}, [2, 3, *size]


def convolution(rng: np.random.Generator, op: str) -> tuple[onnx.NodeProto, dict[str, np.ndarray], list[int]]:
    """A convolution, or a transposed one, with groups."""
    dims = int(rng.integers(1, 4))
    kernel, strides = between(rng, 1, 4, dims), between(rng, 1, 3, dims)
    dilations, pads = between(rng, 1, 2, dims), between(rng, 0, 2, 2 * dims)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    group = int(rng.integers(1, 3))
    attributes: dict[str, Any] = {"strides": strides, "pads": pads, "dilations": dilations, "group": group}
    size = [max(1, r) + int(rng.integers(0, 5)) for r in reach]
    weights = [2 * group, 2, *kernel]
    if op == "ConvTranspose":
        attributes["output_padding"] = [int(rng.integers(0, s)) for s in strides]
        size = [n + 3 for n in size]
    w = rng.standard_normal(weights).astype(np.float32)
    return helper.make_node(op, ["x", "w"], ["y"], **attributes), {"w": w}, [2, 2 * group, *size]


MADE: dict[str, Callable[[np.random.Generator, str], tuple[onnx.NodeProto, dict[str, np.ndarray], list[int]]]] = {
    "AveragePool": pool,
    "MaxPool": pool,
    "Conv": convolution,
    "ConvTranspose": convolution,
}


@pytest.mark.parametrize("op", MADE)
def test_the_gradient_of_windows_is_the_transpose(op: str) -> None:
    for number in range(GEOMETRIES):
        rng = np.random.default_rng(number)
        node, weights, shape = MADE[op](rng, op)
        constants = [onnx.numpy_helper.from_array(w, name) for name, w in weights.items()]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph([node], "windows", [x], [y], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
        whole = with_gradient(onnx.shape_inference.infer_shapes(model), of="y", wrt="x")
        session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
        value = rng.standard_normal(shape).astype(np.float32)
        forward = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        cotangent = rng.standard_normal(forward.run(None, {"x": value})[0].shape).astype(np.float32)
        out, dx = session.run(["y", "x_gradient"], {"x": value, "y_cotangent": cotangent})
        ahead, back = np.vdot(cotangent.astype(np.float64), out), np.vdot(value.astype(np.float64), dx)
        size = np.linalg.norm(cotangent) * np.linalg.norm(out)
        assert dx.shape == value.shape
        assert abs(ahead - back) <= 1e-5 * size, f"geometry {number}: {helper.printable_node(node)} of {shape}"
