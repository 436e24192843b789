"""Small networks with structures that VGG lacks: residual sums, strides, groups, attention, overlapping windows.

Each body computes ``activation`` from ``image`` [N, 3, H, W] and its weights, which are drawn by the network's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper
from reverie_gradient import with_gradient

from conformance.task import Task, generator

SIDE = 32
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Small:
    """A network; ``shape`` is that of its activation at `SIDE` pixels."""

    name: str
    shape: tuple[int, ...]
    weights: Shapes
    body: str


NORM = "BatchNormalization <epsilon = 0.001>"

SMALL = [
    Small(
        "residual",
        (1, 5),
        {"a": (8, 3, 7, 7), "b": (8, 8, 3, 3), "c": (8, 8, 3, 3), "d": (8, 8, 1, 1), "e": (5, 8), "t": (5,)}
        | {"scale": (8,), "bias": (8,), "mean": (8,), "var": (8,)},
        f"""
        c1 = Conv <strides = [2, 2], pads = [3, 3, 3, 3]> (image, a)
        n1 = {NORM} (c1, scale, bias, mean, var) r1 = Relu(n1)
        p1 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (r1)
        s1 = Conv <strides = [2, 2]> (p1, d)
        c2 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (p1, b)
        n2 = {NORM} (c2, scale, bias, mean, var) r2 = Relu(n2)
        c3 = Conv <pads = [1, 1, 1, 1]> (r2, c) n3 = {NORM} (c3, scale, bias, mean, var)
        sum = Add(n3, s1) r3 = Relu(sum)
        g = GlobalAveragePool(r3) f = Flatten(g)
        activation = Gemm <transB = 1> (f, e, t)
        """,
    ),
    Small(
        "grouped",
        (1, 8, 8, 8),
        {"a": (8, 3, 3, 3), "b": (8, 1, 3, 3), "c": (8, 4, 1, 1), "d": (8, 8, 1, 1)},
        """
        c1 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a) h1 = HardSwish(c1)
        c2 = Conv <strides = [2, 2], pads = [1, 1, 1, 1], group = 8> (h1, b) h2 = HardSwish(c2)
        c3 = Conv <group = 2> (h2, c)
        g = GlobalAveragePool(c3) s = Conv(g, d) gate = HardSigmoid(s)
        activation = Mul(c3, gate)
        """,
    ),
    Small(
        "inception",
        (1, 22, 3, 3),
        {"stem": (8, 3, 3, 3), "a": (6, 8, 1, 1), "b": (4, 8, 1, 5), "c": (4, 4, 5, 1), "d": (4, 8, 1, 1)},
        """
        s = Conv <strides = [2, 2]> (image, stem) r = Relu(s)
        b1 = Conv(r, a) r1 = Relu(b1)
        b2 = Conv <pads = [0, 2, 0, 2]> (r, b) b3 = Conv <pads = [2, 0, 2, 0]> (b2, c) r2 = Relu(b3)
        v = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (r) b4 = Conv(v, d)
        m = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (r)
        all = Concat <axis = 1> (r1, r2, b4, m)
        p = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (all)
        activation = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (p)
        """,
    ),
    Small(
        "attention",
        (1, 16, 16),
        {"patch": (16, 3, 8, 8), "q": (16, 16), "k": (16, 16), "v": (16, 16), "up": (16, 32), "down": (32, 16)}
        | {"scale": (16,), "bias": (16,)},
        """
        tokens = Constant <value_ints = [0, 16, -1]> () heads = Constant <value_ints = [0, -1, 2, 8]> ()
        joined = Constant <value_ints = [0, -1, 16]> () root = Constant <value = float {0.353553}> ()
        c = Conv <strides = [8, 8]> (image, patch) f = Reshape(c, tokens) x = Transpose <perm = [0, 2, 1]> (f)
        n = LayerNormalization(x, scale, bias)
        mq = MatMul(n, q) mk = MatMul(n, k) mv = MatMul(n, v)
        rq = Reshape(mq, heads) rk = Reshape(mk, heads) rv = Reshape(mv, heads)
        tq = Transpose <perm = [0, 2, 1, 3]> (rq) tk = Transpose <perm = [0, 2, 3, 1]> (rk)
        tv = Transpose <perm = [0, 2, 1, 3]> (rv)
        s = MatMul(tq, tk) scaled = Mul(s, root) w = Softmax(scaled) o = MatMul(w, tv)
        t = Transpose <perm = [0, 2, 1, 3]> (o) j = Reshape(t, joined) y = Add(x, j)
        u = MatMul(y, up) half = Constant <value = float {0.5}> () one = Constant <value = float {1.0}> ()
        r2 = Constant <value = float {0.70710678}> () ur = Mul(u, r2) e = Erf(ur) e1 = Add(e, one) uh = Mul(u, half)
        gelu = Mul(uh, e1) d = MatMul(gelu, down)
        activation = Add(y, d)
        """,
    ),
    Small(
        "decoder",
        (1, 4, 32, 32),
        {"a": (6, 3, 3, 3), "b": (6, 5, 4, 4), "c": (4, 8, 3, 3)},
        """
        c1 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a) r1 = Relu(c1)
        up = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (r1, b)
        all = Concat <axis = 1> (up, image)
        half = Constant <value = float[4] {1.0, 1.0, 0.5, 0.5}> ()
        twice = Constant <value = float[4] {1.0, 1.0, 2.0, 2.0}> ()
        s = Resize <mode = "linear"> (all, , half) r2 = Relu(s)
        c2 = Conv <pads = [1, 1, 1, 1]> (r2, c)
        activation = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> (c2, , twice)
        """,
    ),
    Small(
        "activations",
        (1, 6, 16, 16),
        {"a": (6, 3, 3, 3), "b": (6, 6, 3, 3), "slope": (6, 1, 1), "scale": (6,), "bias": (6,)},
        """
        c1 = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a) n = InstanceNormalization(c1, scale, bias)
        l = LeakyRelu <alpha = 0.1> (n) p = PRelu(n, slope) e = Elu(n) s = Sigmoid(n) t = Tanh(n) o = Softplus(n)
        low = Constant <value = float {0.0}> () six = Constant <value = float {6.0}> () r6 = Clip(n, low, six)
        lp = Add(l, p) es = Mul(e, s) to = Mul(t, o) x = Sum(lp, es, to, r6)
        c2 = Conv <dilations = [2, 2], pads = [2, 2, 2, 2]> (x, b)
        activation = LogSoftmax <axis = 1> (c2)
        """,
    ),
]


def small_tasks() -> Iterator[Task]:
    """Yield the layer graph of every small network."""
    for network in SMALL:
        rng = generator(network.name)
        dims = ["N", *map(str, network.shape[1:])]
        signature = f"{network.name} (float[N, 3, {SIDE}, {SIDE}] image) => (float[{', '.join(dims)}] activation)"
        text = f'<ir_version: 9, opset_import: ["": 18]> {signature} {{ {network.body} }}'
        model = onnx.parser.parse_model(text)
        for name, shape in network.weights.items():
            model.graph.initializer.append(numpy_helper.from_array(_weights(rng, name, shape), name))
        model = with_gradient(model, of="activation", wrt="image")
        feeds = {
            "image": rng.random((1, 3, SIDE, SIDE), np.float32),
            "activation_cotangent": rng.standard_normal(network.shape, np.float32),
        }
        yield Task(network.name, model, feeds, ["activation", "image_gradient"])


def _weights(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name in ("var", "scale"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return (rng.standard_normal(shape) * spread).astype(np.float32)
