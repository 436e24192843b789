"""Whole networks, against torch's autograd: the same weights, the same cotangent, the same gradient of the image."""

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
F = torch.nn.functional

Weights = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """``body`` and ``twin`` compute the same ``y`` from an ``image`` of the size ``shape`` and the ``weights``."""

    name: str
    weights: dict[str, tuple[int, ...]]
    body: str
    twin: Callable[[Any, Weights], Any]
    shape: tuple[int, ...] = (2, 3, 16, 20)

    def model(self, dtype: str) -> onnx.ModelProto:
        """Leave the batch and the size of the image free."""
        weights = (f"T_{list(shape)} {name}" for name, shape in self.weights.items())
        text = f"g (T_[N,3,H,W] image, {', '.join(weights)}) => (T_ y) {{ {self.body} }}".replace("T_", dtype)
        model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 18]> ' + text)
        model.graph.output[0].type.tensor_type.ClearField("shape")
        return model


def vgg(x: Any, w: Weights) -> Any:
    x = F.max_pool2d(F.relu(F.conv2d(F.relu(F.conv2d(x, w["a"], w["p"], padding=1)), w["b"], w["q"], padding=1)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, w["c"], w["r"], padding=1)), 2)
    x = F.relu(F.linear(x.flatten(1), w["d"], w["s"]))
    return F.linear(x, w["e"], w["t"])


def residual(x: Any, w: Weights) -> Any:
    x = F.max_pool2d(F.relu(norm(F.conv2d(x, w["a"], stride=2, padding=3), w)), 3, 2, 1)
    short = norm(F.conv2d(x, w["d"], stride=2), w)
    x = F.relu(norm(F.conv2d(x, w["b"], stride=2, padding=1), w))
    x = F.relu(norm(F.conv2d(x, w["c"], padding=1), w) + short)
    return F.linear(x.mean((2, 3)), w["e"], w["t"])


def norm(x: Any, w: Weights) -> Any:
    return F.batch_norm(x, w["mean"], w["var"] ** 2 + 0.5, w["scale"], w["bias"], eps=1e-3)


def inception(x: Any, w: Weights) -> Any:
    x = F.relu(F.conv2d(x, w["stem"], stride=2))
    branches = [
        F.relu(F.conv2d(x, w["a"])),
        F.relu(F.conv2d(F.conv2d(x, w["b"], padding=(0, 2)), w["c"], padding=(2, 0))),
        F.conv2d(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), w["d"]),
        F.max_pool2d(x, 3, 1, 1),
    ]
    x = F.max_pool2d(torch.cat(branches, 1), 3, 2, ceil_mode=True)
    return F.avg_pool2d(x, 2)


def mobile(x: Any, w: Weights) -> Any:
    x = F.hardtanh(F.conv2d(x, w["a"], stride=2, padding=1), 0, 6)
    y = F.hardtanh(F.conv2d(x, w["b"], stride=2, padding=1, groups=8), 0, 6)
    y = F.conv2d(y, w["c"], groups=2)
    return y * torch.sigmoid(F.conv2d(y.mean((2, 3), keepdim=True), w["d"], w["t"]))


def transformer(x: Any, w: Weights) -> Any:
    x = F.conv2d(x, w["patch"], stride=4).flatten(2).transpose(1, 2)
    x = F.layer_norm(x, (8,), w["scale"], w["bias"])
    n, length, _ = x.shape
    q, k, v = (x @ w["qkv"]).reshape(n, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
    attention = F.softmax(q @ k.transpose(-1, -2) / 2, -1)
    x = x + (attention @ v).transpose(1, 2).reshape(n, length, 8)
    return (x + F.gelu(x @ w["up"]) @ w["down"])[:, 0]


def warp(mode: str, padding: str) -> Network:
    """An image read where it says itself, partly beyond its ends."""

    def warped(x: Any, w: Weights) -> Any:
        grid = (torch.tanh(F.conv2d(x, w["a"], stride=2)) * 2).permute(0, 2, 3, 1)
        return F.grid_sample(x, grid, mode, padding, align_corners=False)

    body = f"""
        c = Conv <strides = [2, 2]> (image, a) t = Tanh(c) two = Constant <value = T_ {{2.0}}> () m = Mul(t, two)
        grid = Transpose <perm = [0, 2, 3, 1]> (m)
        y = GridSample <mode = "{mode}", padding_mode = "{padding}"> (image, grid)
        """
    return Network(f"{mode} warp, {padding}", {"a": (2, 3, 3, 3)}, body, warped, (2, 3, 10, 13))


NORM = "BatchNormalization <epsilon = 0.001>"

NETWORKS = [
    Network(
        "vgg",
        {"a": (8, 3, 3, 3), "b": (8, 8, 3, 3), "c": (16, 8, 3, 3), "d": (8, 320), "e": (5, 8)}
        | {"p": (8,), "q": (8,), "r": (16,), "s": (8,), "t": (5,)},
        """
        c1 = Conv <pads = [1, 1, 1, 1]> (image, a, p) r1 = Relu(c1)
        c2 = Conv <pads = [1, 1, 1, 1]> (r1, b, q) r2 = Relu(c2)
        p2 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r2)
        c3 = Conv <pads = [1, 1, 1, 1]> (p2, c, r) r3 = Relu(c3)
        p3 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r3)
        f = Flatten(p3) d4 = Gemm <transB = 1> (f, d, s) r4 = Relu(d4) y = Gemm <transB = 1> (r4, e, t)
        """,
        vgg,
    ),
    Network(
        "residual",
        {"a": (8, 3, 7, 7), "b": (8, 8, 3, 3), "c": (8, 8, 3, 3), "d": (8, 8, 1, 1), "e": (5, 8), "t": (5,)}
        | dict.fromkeys(("mean", "var", "scale", "bias"), (8,)),
        f"""
        square = Mul(var, var) half = Constant <value = T_ {{0.5}}> () spread = Add(square, half)
        c1 = Conv <strides = [2, 2], pads = [3, 3, 3, 3]> (image, a) b1 = {NORM} (c1, scale, bias, mean, spread)
        r1 = Relu(b1) p1 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (r1)
        c2 = Conv <strides = [2, 2]> (p1, d) short = {NORM} (c2, scale, bias, mean, spread)
        c3 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (p1, b) b3 = {NORM} (c3, scale, bias, mean, spread)
        r3 = Relu(b3)
        c4 = Conv <pads = [1, 1, 1, 1]> (r3, c) b4 = {NORM} (c4, scale, bias, mean, spread)
        sum = Add(b4, short) r4 = Relu(sum)
        g = GlobalAveragePool(r4) f = Flatten(g) y = Gemm <transB = 1> (f, e, t)
        """,
        residual,
        (2, 3, 33, 28),
    ),
    Network(
        "inception",
        {"stem": (8, 3, 3, 3), "a": (4, 8, 1, 1), "b": (4, 8, 1, 5), "c": (4, 4, 5, 1), "d": (4, 8, 1, 1)},
        """
        c0 = Conv <strides = [2, 2]> (image, stem) r0 = Relu(c0)
        c1 = Conv(r0, a) r1 = Relu(c1)
        c2 = Conv <pads = [0, 2, 0, 2]> (r0, b) c3 = Conv <pads = [2, 0, 2, 0]> (c2, c) r3 = Relu(c3)
        p4 = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (r0) c4 = Conv(p4, d)
        p5 = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (r0)
        all = Concat <axis = 1> (r1, r3, c4, p5)
        p6 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (all)
        y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (p6)
        """,
        inception,
        (1, 3, 25, 30),
    ),
    Network(
        "mobile",
        {"a": (8, 3, 3, 3), "b": (8, 1, 3, 3), "c": (6, 4, 1, 1), "d": (6, 6, 1, 1), "t": (6,)},
        """
        zero = Constant <value = T_ {0.0}> () six = Constant <value = T_ {6.0}> ()
        c1 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a) r1 = Clip(c1, zero, six)
        c2 = Conv <strides = [2, 2], pads = [1, 1, 1, 1], group = 8> (r1, b) r2 = Clip(c2, zero, six)
        c3 = Conv <group = 2> (r2, c)
        axes = Constant <value_ints = [2, 3]> () m = ReduceMean(c3, axes)
        g = Conv(m, d, t) s = Sigmoid(g) y = Mul(c3, s)
        """,
        mobile,
        (2, 3, 17, 22),
    ),
    Network(
        "transformer",
        {"patch": (8, 3, 4, 4), "scale": (8,), "bias": (8,), "qkv": (8, 24), "up": (8, 16), "down": (16, 8)},
        """
        c = Conv <strides = [4, 4]> (image, patch)
        s = Shape(c) head = Constant <value_ints = [0, 8, -1]> () line = Reshape(c, head)
        x = Transpose <perm = [0, 2, 1]> (line)
        last = Constant <value_ints = [-1]> ()
        mean = ReduceMean(x, last) off = Sub(x, mean) two = Constant <value = T_ {2.0}> () sq = Pow(off, two)
        var = ReduceMean(sq, last) eps = Constant <value = T_ {0.00001}> () vare = Add(var, eps) std = Sqrt(vare)
        unit = Div(off, std) scaled = Mul(unit, scale) n = Add(scaled, bias)
        t = MatMul(n, qkv)
        split = Constant <value_ints = [0, 0, 3, 2, 4]> () t5 = Reshape(t, split)
        tp = Transpose <perm = [2, 0, 3, 1, 4]> (t5)
        zero = Constant <value = int64 {0}> () one = Constant <value = int64 {1}> ()
        q = Gather(tp, zero) k = Gather(tp, one) i2 = Constant <value = int64 {2}> () v = Gather(tp, i2)
        kt = Transpose <perm = [0, 1, 3, 2]> (k) qk = MatMul(q, kt) soft = Div(qk, two) att = Softmax(soft)
        av = MatMul(att, v) avt = Transpose <perm = [0, 2, 1, 3]> (av)
        join = Constant <value_ints = [0, 0, 8]> () o = Reshape(avt, join) r = Add(n, o)
        u = MatMul(r, up) root = Constant <value = T_ {1.4142135623730951}> () ur = Div(u, root) e = Erf(ur)
        one_f = Constant <value = T_ {1.0}> () e1 = Add(e, one_f) ue = Mul(u, e1)
        half = Constant <value = T_ {0.5}> () gelu = Mul(ue, half)
        dn = MatMul(gelu, down) z = Add(r, dn) y = Gather <axis = 1> (z, zero)
        """,
        transformer,
    ),
    *(warp(mode, padding) for mode in ("bilinear", "bicubic") for padding in ("zeros", "border", "reflection")),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_float64_gradient_is_torchs_to_nine_digits(network: Network) -> None:
    feeds, dx, _ = twin(network)
    built = with_gradient(network.model("double"), of="y", wrt="image")
    (found,) = evaluate(built, ["image_gradient"], feeds)
    assert np.linalg.norm(found - dx) <= 1e-9 * np.linalg.norm(dx)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_float32_gradient_in_onnxruntime_is_torchs(network: Network) -> None:
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
