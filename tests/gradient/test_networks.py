"""Whole networks, against torch's autograd."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gradient.twins import Network, Weights, check_float32, check_float64, torch

F = torch.nn.functional


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
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_float64_gradient_is_torchs_to_nine_digits(network: Network) -> None:
    check_float64(network)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_float32_gradient_in_onnxruntime_is_torchs(network: Network) -> None:
    check_float32(network)
