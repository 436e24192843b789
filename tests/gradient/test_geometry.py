"""Random geometry: unusual kernels, strides, pads, scales, steps and sizes.

Pooling, convolution, resizing and moving elements are, around almost every x, linear in x: y = A x. The gradient is A's
transpose times the cotangent c, so <c, y> = <dx, x>, and a mistake in any element of dx shows for random x and c.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from reverie_gradient import with_gradient

GEOMETRIES = int(os.environ.get("REVERIE_GEOMETRIES", "40"))
"""Of each operator."""

#: A node from x to y, its other inputs, and the shape of x.
Made = tuple[onnx.NodeProto, dict[str, np.ndarray], list[int]]


def between(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    return [int(n) for n in rng.integers(low, high + 1, count)]


def pool(rng: np.random.Generator, op: str) -> Made:
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


def convolution(rng: np.random.Generator, op: str) -> Made:
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
        size = [n + 5 for n in size]
    w = rng.standard_normal(weights).astype(np.float32)
    return helper.make_node(op, ["x", "w"], ["y"], **attributes), {"w": w}, [2, 2 * group, *size]


def resize(rng: np.random.Generator, op: str) -> Made:
    """A resize of all or some axes, by scales or to sizes, in every mode."""
    dims = int(rng.integers(1, 4))
    size = between(rng, 1, 6, dims)
    mode = str(rng.choice(["nearest", "linear", "cubic"])) if dims == 2 else str(rng.choice(["nearest", "linear"]))
    how = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": str(rng.choice(how))}
    if mode == "nearest":
        rounding = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
        attributes["nearest_mode"] = str(rng.choice(rounding))
    if mode == "cubic":
        attributes["cubic_coeff_a"] = float(rng.choice([-0.5, -0.75]))
        attributes["exclude_outside"] = int(rng.integers(0, 2))
    wanted = between(rng, 1, 9, dims)
    if rng.random() < 0.5:
        return (
            helper.make_node(op, ["x", "", "", "n"], ["y"], **attributes),
            {"n": np.array([2, 2, *wanted])},
            [2, 2, *size],
        )
    # Where a scale leaves the size as it is ONNX Runtime copies, whatever the standard says of the places between.
    scales = [1 if w == n else (w + rng.random() * 0.9) / n for w, n in zip(wanted, size, strict=True)]
    return (
        helper.make_node(op, ["x", "", "n"], ["y"], **attributes),
        {"n": np.array([1, 1, *scales], np.float32)},
        [2, 2, *size],
    )


def padding(rng: np.random.Generator, op: str) -> Made:
    """A pad of every mode; some of those with zeros cut, as negative pads do."""
    dims = int(rng.integers(1, 4))
    size = between(rng, 2, 6, dims)
    mode = str(rng.choice(["constant", "reflect", "edge", "wrap"]))
    low = -1 if mode == "constant" else 0
    pads = np.array([rng.integers(low, n) for n in [2, 2, *size] * 2]) * (rng.random(2 * dims + 4) < 0.7)
    if mode == "constant" and not (np.array([2, 2, *size] * 2) + pads > 1).all():
        pads = np.abs(pads)
    return helper.make_node(op, ["x", "p"], ["y"], mode=mode), {"p": pads.astype(np.int64)}, [2, 2, *size]


def slicing(rng: np.random.Generator, op: str) -> Made:
    """A slice of some axes, forwards or backwards by steps, with ends beyond the array."""
    shape = between(rng, 1, 7, int(rng.integers(1, 5)))
    axes = sorted(rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))].tolist())
    begins, ends, steps = [], [], []
    for axis in axes:
        n, back = shape[axis], rng.random() < 0.4
        at = int(rng.integers(0, n))
        steps.append(int(rng.integers(1, 4)) * (-1 if back else 1))
        begins.append(at - n if rng.random() < 0.3 else at)
        ends.append(-(2**40) if back else int(rng.integers(at + 1, n + 4)))
    made = {name: np.array(v, np.int64) for name, v in zip("beas", (begins, ends, axes, steps), strict=True)}
    return helper.make_node(op, ["x", *"beas"], ["y"]), made, shape


MADE: dict[str, Callable[[np.random.Generator, str], Made]] = {
    "AveragePool": pool,
    "MaxPool": pool,
    "Conv": convolution,
    "ConvTranspose": convolution,
    "Resize": resize,
    "Pad": padding,
    "Slice": slicing,
}


@pytest.mark.parametrize("op", MADE)
def test_the_gradient_is_the_transpose(op: str) -> None:
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
