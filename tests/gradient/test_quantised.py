"""Gradients through quantised networks, compared with equivalent networks of real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from reverie_gradient import GradientError, with_gradient

from tests.gradient.gradcheck import session


@dataclass(frozen=True)
class Twins:
    """Two networks: ``whole`` computes Y from X with integers, ``real`` without rounding; X and Y are float."""

    name: str
    x: str
    whole: str
    real: str
    constants: str


UNIT = "float s = {0.05}, uint8 z = {100}, float low = {-5.0}, float high = {7.75}"
QUANTISED = "q = QuantizeLinear(X, s, z)"
POOL = "MaxPool <kernel_shape = [2, 2], strides = [2, 2]>"
CLIPPED = "r = Clip(X, low, high)"
WEIGHTS = "int8[3,2] v = {-4, 9, 100, 3, -128, 50}, int8 v0 = {7}, float vs = {0.02}"
KERNELS = "int8[2,2,2,1] w = {-4, 9, 100, 3, -128, 50, 7, 1}, int8[2] w0 = {7, 0}, float[2] ws = {0.02, 0.01}"
WIDE = "float ys = {0.02}, uint8 y0 = {0}, float zero = {0.0}, float top = {5.1}"

TWINS = [
    Twins(
        "the scale of all",
        "",
        "Y = DequantizeLinear(v, X, v0)",
        "c = Cast <to = 1> (v) c0 = Cast <to = 1> (v0) d = Sub(c, c0) Y = Mul(d, X)",
        "int8[3,2] v = {-4, 9, 100, 3, -128, 50}, int8 v0 = {7}",
    ),
    Twins(
        "the scale of each row",
        "3",
        "Y = DequantizeLinear <axis = 0> (v, X)",
        "a = Constant <value_ints = [1]> () c = Cast <to = 1> (v) u = Unsqueeze(X, a) Y = Mul(c, u)",
        "int8[3,2] v = {-4, 9, 100, 3, -128, 50}",
    ),
    Twins("by tensor", "2,3", f"{QUANTISED} Y = DequantizeLinear(q, s, z)", "Y = Clip(X, low, high)", UNIT),
    Twins(
        "by axis",
        "2,3",
        "q = QuantizeLinear(X, s, z) Y = DequantizeLinear(q, s, z)",
        "a = Max(X, low) Y = Min(a, high)",
        "float[3] s = {0.01, 0.05, 1.0}, int8[3] z = {0, 5, -100}, float[3] low = {-1.28, -6.65, -28.0}, "
        "float[3] high = {1.27, 6.1, 227.0}",
    ),
    Twins(
        "whole numbers moved",
        "2,3,4,4",
        f"{QUANTISED} m = {POOL} (q) t = Transpose <perm = [0, 2, 3, 1]> (m) f = Flatten(t) "
        "c = Concat <axis = 1> (f, f) Y = DequantizeLinear(c, s, z)",
        f"{CLIPPED} m = {POOL} (r) t = Transpose <perm = [0, 2, 3, 1]> (m) f = Flatten(t) Y = Concat <axis = 1> (f, f)",
        UNIT,
    ),
    Twins(
        "QLinearMatMul",
        "2,3",
        f"{QUANTISED} p = QLinearMatMul(q, s, z, v, vs, v0, ys, y0) Y = DequantizeLinear(p, ys, y0)",
        f"{CLIPPED} vr = DequantizeLinear(v, vs, v0) p = MatMul(r, vr) Y = Clip(p, zero, top)",
        f"{UNIT}, {WEIGHTS}, {WIDE}",
    ),
    Twins(
        "QLinearConv",
        "2,2,5,5",
        f"{QUANTISED} p = QLinearConv <pads = [1, 1, 0, 0], strides = [2, 1]> (q, s, z, w, ws, w0, ys, y0) "
        "Y = DequantizeLinear(p, ys, y0)",
        f"{CLIPPED} wr = DequantizeLinear <axis = 0> (w, ws, w0) "
        "p = Conv <pads = [1, 1, 0, 0], strides = [2, 1]> (r, wr) Y = Clip(p, zero, top)",
        f"{UNIT}, {KERNELS}, {WIDE}",
    ),
    Twins(
        "MatMulInteger",
        "2,3",
        "q, s, z = DynamicQuantizeLinear(X) p = MatMulInteger(q, v, z, v0) f = Cast <to = 1> (p) t = Mul(s, vs) "
        "Y = Mul(f, t)",
        "vr = DequantizeLinear(v, vs, v0) Y = MatMul(X, vr)",
        WEIGHTS,
    ),
    Twins(
        "ConvInteger",
        "2,2,5,5",
        "q, s, z = DynamicQuantizeLinear(X) p = ConvInteger <pads = [1, 0, 1, 0]> (q, w, z, v0) f = Cast <to = 1> (p) "
        "t = Mul(s, vs) Y = Mul(f, t)",
        "wr = DequantizeLinear(w, vs, v0) Y = Conv <pads = [1, 0, 1, 0]> (X, wr)",
        f"{KERNELS}, {WEIGHTS}",
    ),
]


def parse(text: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 18]> g {text}')
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


@pytest.mark.parametrize("sizes", ["known", "open"])
@pytest.mark.parametrize("twins", TWINS, ids=lambda t: t.name)
def test_a_quantised_network_has_the_gradient_of_its_real_twin(twins: Twins, sizes: str) -> None:
    shape = [int(n) for n in twins.x.split(",") if n]
    axes = (str(n) if sizes == "known" or i == 1 else f"n{i}" for i, n in enumerate(shape))
    declared = f"float[{','.join(axes)}]" if shape else "float"
    rng = np.random.default_rng(0)
    x = np.asarray(np.round(rng.normal(0, 6, shape)), np.float32)  # on the steps: none just beyond the ends
    found = []
    for body in (twins.whole, twins.real):
        forward = parse(f"({declared} X) => (float Y) <{twins.constants}> {{ {body} }}")
        (y,) = session(forward).run(["Y"], {"X": x})
        dy = np.asarray(np.random.default_rng(1).standard_normal(y.shape), np.float32)
        built = with_gradient(forward, of="Y", wrt="X")
        found.append((y, session(built).run(["X_gradient"], {"X": x, "Y_cotangent": dy})[0]))
    (whole, dx), (real, expected) = found
    assert np.count_nonzero(expected)
    assert np.abs(whole - real).max() < 0.1 * np.abs(real).max()  # twins indeed
    np.testing.assert_allclose(dx, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_number_that_just_fits_still_passes() -> None:
    model = parse(
        "(float[6] X) => (float Y) <float s = {1.0}, int8 z = {0}> "
        "{ q = QuantizeLinear(X, s, z) Y = DequantizeLinear(q, s, z) }"
    )
    run = session(with_gradient(model, of="Y", wrt="X")).run
    x = np.array([-129, -128.25, -128, 127, 127.25, 128], np.float32)
    (dx,) = run(["X_gradient"], {"X": x, "Y_cotangent": np.ones(6, np.float32)})
    np.testing.assert_array_equal(dx, [0, 1, 1, 1, 1, 0])


def test_integers_that_are_not_quantised_have_no_gradient() -> None:
    model = parse("(float[3] X) => (float Y) { i = Cast <to = 7> (X) f = Cast <to = 1> (i) s = Sub(X, f) Y = Exp(s) }")
    built = with_gradient(model, of="Y", wrt="X")
    x = np.array([0.25, 1.5, -1.25], np.float32)
    (dx,) = session(built).run(["X_gradient"], {"X": x, "Y_cotangent": np.ones(3, np.float32)})
    np.testing.assert_allclose(dx, np.exp(x - np.trunc(x)), rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("q = QuantizeLinear <block_size = 2> (X, b, z) Y = DequantizeLinear <block_size = 2> (q, b, z)", "blocks"),
        ("q = QuantizeLinear <output_dtype = 17> (X, s) Y = DequantizeLinear(q, s)", "only integers"),
    ],
)
def test_other_quantisations_are_refused(body: str, says: str) -> None:
    text = "(float[2,4] X) => (float Y) <float s = {1.0}, float[2,2] b = {1, 1, 1, 1}, int8[2,2] z = {0, 0, 0, 0}>"
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> g {text} {{ {body} }}')
    with pytest.raises(GradientError, match=says):
        with_gradient(model, of="Y", wrt="X")
