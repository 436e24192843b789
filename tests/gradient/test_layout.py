"""On ONNX Runtime's CPU nothing between the convolutions leaves the blocked layout, forward or backward."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from reverie_gradient import with_gradient

from tests.gradient.gradcheck import session

TOWER = """
(float[N,3,H,W] image) => (float[N,16,h,w] y) {
    c1 = Conv <pads = [1, 1, 1, 1]> (image, a, p) r1 = Relu(c1)
    c2 = Conv <pads = [1, 1, 1, 1]> (r1, b) r2 = Relu(c2)
    p2 = POOL <kernel_shape = [2, 2], strides = [2, 2]> (r2)
    c3 = Conv <pads = [1, 1, 1, 1]> (p2, c) r3 = Relu(c3)
    p3 = POOL <kernel_shape = [2, 2], strides = [2, 2]> (r3)
    y = Conv <pads = [1, 1, 1, 1]> (p3, d)
}"""

WEIGHTS = {"a": (16, 3, 3, 3), "p": (16,), "b": (16, 16, 3, 3), "c": (16, 16, 3, 3), "d": (16, 16, 3, 3)}


def tower(pool: str) -> onnx.ModelProto:
    """Build a small VGG of free size."""
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 18]> g ' + TOWER.replace("POOL", pool))
    rng = np.random.default_rng(0)
    for name, shape in WEIGHTS.items():
        weights = rng.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(weights, name))
    return model


def optimised(model: onnx.ModelProto, path: Path, **sizes: int) -> list[onnx.NodeProto]:
    """Return the nodes that ONNX Runtime makes of ``model`` with the given sizes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the file it writes is bound to this machine
    options.optimized_model_filepath = str(path)
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(onnx.load(path).graph.node)


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_no_tensor_is_reordered_between_the_ends_of_the_graph(pool: str, tmp_path: Path) -> None:
    model = with_gradient(tower(pool), of="y", wrt="image")
    nodes = optimised(model, tmp_path / "optimised.onnx", N=1, H=32, W=48, h=8, w=12)
    counts = Counter(node.op_type for node in nodes)
    if not any(node.domain == "com.microsoft.nchwc" for node in nodes):
        pytest.skip("this processor has no blocked layout")
    reordered = {node.output[0] for node in nodes if node.op_type == "ReorderOutput"}
    assert reordered == {"y", "image_gradient"}
    assert counts["ReorderInput"] == 1  # the cotangent; the first convolution reads the image as it is
    assert counts.keys() <= {
        *("Conv", "MaxPool", "AveragePool", "Upsample", "Add", "Mul", "HardSigmoid", "ReorderInput", "ReorderOutput")
    }  # no arithmetic on shapes, no transposed kernel, no padding is left


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_fixing_the_sizes_changes_no_value(pool: str) -> None:
    rng = np.random.default_rng(1)
    model = with_gradient(tower(pool), of="y", wrt="image")
    for height, width in ((32, 48), (30, 37)):
        feeds = {
            "image": rng.standard_normal((1, 3, height, width)).astype(np.float32),
            "y_cotangent": rng.standard_normal((1, 16, height // 4, width // 4)).astype(np.float32),
        }
        free = session(model).run(None, feeds)
        fixed = session(model, N=1, H=height, W=width, h=height // 4, w=width // 4).run(None, feeds)
        for a, b in zip(free, fixed, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(a).max())


def test_no_mask_uses_a_value_that_a_runtime_may_ignore() -> None:
    model = with_gradient(tower("MaxPool"), of="y", wrt="image")
    masks = [node for node in model.graph.node if node.op_type == "HardSigmoid"]
    betas = {a.f for node in masks for a in node.attribute if a.name == "beta"}
    assert len(betas) == 2  # of what is positive, and of what is a maximum
    assert 0 not in betas
    x = np.array([0, 1.2e-38, 1, 3e38], np.float32)
    text = f"g (float[4] x) => (float[4] y) {{ y = HardSigmoid <alpha = 3e38, beta = {min(betas)!r}> (x) }}"
    mask = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 18]> {text}')
    (y,) = session(mask).run(None, {"x": x})
    np.testing.assert_array_equal(y, [0, 1, 1, 1])
