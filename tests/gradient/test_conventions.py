"""The gradient at points where calculus does not define it, or where difference quotients are too coarse."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from reverie_gradient import with_gradient

from tests.gradient.gradcheck import evaluate, session

INF, NAN = np.inf, np.nan

SCALED = (
    "i = Constant <value_ints = [0, 1, 1]> () u = Constant <value_floats = [{}]> () "
    'Y = ScatterElements <reduction = "mul"> (X, i, u)'
)

# Body, X, the gradient of the sum of Y.
VALUES: list[tuple[str, list[float], list[float]]] = [
    # --- kinks: zero at the kink of Relu and Abs; the bounds of Clip still pass ---
    ("Y = Relu(X)", [-1, -0.0, 0, 1e-30, 2], [0, 0, 0, 1, 1]),
    ("Y = Abs(X)", [-2, 0, 3], [-1, 0, 1]),
    (
        "a = Constant <value = float {-1.0}> () b = Constant <value = float {1.0}> () Y = Clip(X, a, b)",
        [-2, -1, 0, 1, 2],
        [0, 1, 1, 1, 0],
    ),
    ("Y = Elu <alpha = 0.5> (X)", [-1e-30, 0, 2], [0.5, 0.5, 1]),
    ("Y = LeakyRelu <alpha = 0.5> (X)", [-1, 0, 1], [0.5, 0.5, 1]),
    ("s = Constant <value = float {0.5}> () Y = PRelu(X, s)", [-1, 0, 1], [0.5, 0.5, 1]),
    ("Y = HardSigmoid <alpha = 0.25> (X)", [-2, 0, 2], [0, 0.25, 0]),
    ("Y = HardSwish(X)", [-3, 0, 3], [0, 0.5, 1]),
    ("two = Constant <value = float {2.0}> () Y = Mod <fmod = 1> (X, two)", [-5, 2, 5], [1, 1, 1]),
    ("Y = Celu <alpha = 2.0> (X)", [-400, 0, 1e30], [0, 1, 1]),
    ("Y = Selu <alpha = 1.5, gamma = 2.0> (X)", [0, 1], [3, 2]),
    ("Y = ThresholdedRelu(X)", [0.5, 1, 2], [0, 0, 1]),
    ("Y = Shrink(X)", [-1, -0.5, 0.5, 1], [1, 0, 0, 1]),
    ("Y = Softsign(X)", [0, -1], [1, 0.25]),
    ("Y = ReduceL1(X)", [-2, 0, 3], [-1, 0, 1]),
    ("Y = ReduceL2(X)", [0, 0], [0, 0]),
    # --- products of all others, whether or not some are zero ---
    ("Y = ReduceProd(X)", [2, 3, 4], [12, 8, 6]),
    ("Y = ReduceProd(X)", [2, 0, 4], [0, 8, 0]),
    ("Y = ReduceProd(X)", [2, 0, 0], [0, 0, 0]),
    (SCALED.format("3.0, 1.0, -1.0"), [2, 0, 4], [3, -1, 1]),
    (SCALED.format("0.0, 1.0, -1.0"), [2, 0, 4], [0, -1, 1]),
    # --- no overflow on the way, and no digits lost ---
    ("Y = Selu(X)", [1e38], [1.0507009873554805]),
    ("Y = Asinh(X)", [0], [1]),
    ("Y = ReduceLogSumExp(X)", [1000, -1000], [1, 0]),
    ("Y = ReduceL2(X)", [2**-60, 0], [1, 0]),
    # --- equals share evenly ---
    ("Y = ReduceMax(X)", [3, 1, 3], [0.5, 0, 0.5]),
    ("z = Constant <value = float {2.0}> () Y = Max(X, z)", [1, 2, 3], [0, 0.5, 1]),
    # --- edges of the domain: what the formula gives, as in torch ---
    ("Y = Sqrt(X)", [0, 4], [INF, 0.25]),
    ("Y = Log(X)", [0, 2], [INF, 0.5]),
    ("e = Constant <value = float {1.0}> () Y = Pow(X, e)", [0, -2], [1, 1]),
    ("e = Constant <value = float {2.0}> () Y = Pow(X, e)", [0, -2], [0, -4]),
    # --- pads below zero cut off ---
    ("p = Constant <value_ints = [-1, 2]> () Y = Pad(X, p)", [1, 2, 3], [0, 1, 1]),
    # --- through half the precision: the gradient comes back in the type of X ---
    ("h = Cast <to = 10> (X) s = Mul(h, h) Y = Cast <to = 1> (s)", [1, -3], [2, -6]),
    ("h = Cast <to = 10> (X) s = Relu(h) Y = Cast <to = 1> (s)", [1e-4, 0, -3], [1, 0, 0]),
]

TILE = "MaxPool <kernel_shape = [2, 2], strides = [2, 2]>"
SLIDE = "MaxPool <kernel_shape = [2, 2]>"
COPY = "w = Constant <value = T_[1,1,1,1] {1.0}> () c = Conv (X, w)"

# Body, a square image, its gradient when every window is given 1.
TIES: list[tuple[str, list[list[float]], list[list[float]]]] = [
    # --- tied maxima share evenly ---
    (f"Y = {TILE} (X)", [[1, 1], [0, 0]], [[0.5, 0.5], [0, 0]]),
    (f"Y = {TILE} (X)", [[-2, -2], [-2, -2]], [[0.25, 0.25], [0.25, 0.25]]),
    (f"Y = {SLIDE} (X)", [[0, 5, 0], [0, 0, 0], [5, 0, 5]], [[0, 2, 0], [0, 0, 0], [1, 0, 1]]),
    (f"Y = {SLIDE} (X)", [[5, 5, 0], [0, 0, 0], [0, 0, 5]], [[0.5, 1.5, 0], [0.25, 0.25, 0], [0.25, 0.25, 1]]),
    (f"m = {SLIDE} (X) Y = {TILE} (m)", [[0, 0, 0], [0, 7, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    # --- but behind a convolution each receives all of it, and behind a Relu zeros receive nothing ---
    (f"{COPY} Y = {TILE} (c)", [[1, 1], [0, 1]], [[1, 1], [0, 1]]),
    (f"{COPY} r = Relu(c) Y = {TILE} (r)", [[-1, -1], [-1, 0]], [[0, 0], [0, 0]]),
]


@pytest.mark.parametrize(("body", "x", "expected"), VALUES, ids=lambda v: str(v))
def test_gradient_at_a_special_value(body: str, x: list[float], expected: list[float]) -> None:
    model = _vector(body, len(x))
    gradient = session(with_gradient(model, of="Y", wrt="X")).run(
        ["X_gradient"], {"X": np.array(x, np.float32), "Y_cotangent": np.ones(_length(model, x), np.float32)}
    )[0]
    np.testing.assert_array_equal(gradient, np.array(expected, np.float32))


@pytest.mark.parametrize("dtype", ["float", "double"])
@pytest.mark.parametrize(("body", "image", "expected"), TIES, ids=lambda v: str(v))
def test_gradient_of_tied_maxima(body: str, image: list[list[float]], expected: list[list[float]], dtype: str) -> None:
    side, out = len(image), 2 if body.startswith(f"Y = {SLIDE}") else 1
    text = f"(T_[1,1,{side},{side}] X) => (T_[1,1,{out},{out}] Y) {{ {body} }}"
    built = with_gradient(_parse(text.replace("T_", dtype)), of="Y", wrt="X")
    kind = np.float32 if dtype == "float" else np.float64
    feeds = {"X": np.array([[image]], kind), "Y_cotangent": np.ones((1, 1, out, out), kind)}
    if dtype == "float":
        (gradient,) = session(built).run(["X_gradient"], feeds)
    else:  # ONNX Runtime does not resize float64
        (gradient,) = evaluate(built, ["X_gradient"], feeds)
    np.testing.assert_array_equal(gradient[0, 0], np.array(expected, kind))


def test_running_products_pass_their_first_zero_alone() -> None:
    text = "(double[5] X) => (double[5] Y) { a = Constant <value = int64 {0}> () Y = CumProd(X, a) }"
    built = with_gradient(
        onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 26]> g {text}'), of="Y", wrt="X"
    )
    for x, expected in (([2, 0, 3, 4, 5], [1, 152, 0, 0, 0]), ([2, 0, 3, 0, 5], [1, 8, 0, 0, 0])):
        feeds = {"X": np.array(x, np.float64), "Y_cotangent": np.ones(5)}
        np.testing.assert_array_equal(evaluate(built, ["X_gradient"], feeds)[0], expected)


# Body at opset 20, X, the derivative to more digits than float32 has.
TAILS: list[tuple[str, float, float]] = [
    ("Y = Gelu(X)", -6.0, -3.5468709e-8),
    ("Y = Gelu(X)", 0.0, 0.5),
    ('Y = Gelu <approximate = "tanh"> (X)', -1.5, -0.12771079),
    ("Y = Mish(X)", -30.0, -2.7137107e-12),
    ("Y = Mish(X)", 60.0, 1.0),
    ("Y = Mish(X)", 0.0, 0.6),
    ("Y = Acosh(X)", 1.0000019073486328, 511.99976),
    ("Y = Asin(X)", 0.99999988079071045, 2048.0001),
    ("Y = Atanh(X)", -0.99999988079071045, 4194304.3),
    ("Y = Cosh(X)", 1e-6, 1e-6),
    ("Y = Sinh(X)", -20.0, 242582597.7),
]


@pytest.mark.parametrize(("body", "x", "slope"), TAILS, ids=lambda v: str(v))
def test_slopes_keep_their_digits_where_formulas_lose_them(body: str, x: float, slope: float) -> None:
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 20]> g (float[1] X) => (float[1] Y) {{ {body} }}'
    )
    run = session(with_gradient(model, of="Y", wrt="X")).run
    ((dx,),) = run(["X_gradient"], {"X": np.array([x], np.float32), "Y_cotangent": np.ones(1, np.float32)})
    assert dx == pytest.approx(slope, rel=2e-6, abs=1e-9)


def test_float32_masks_are_exact_down_to_the_smallest_normal_number() -> None:
    x = np.array([np.finfo(np.float32).tiny, np.finfo(np.float32).max, INF, 0], np.float32)
    dy = np.array([1 / 3, 2 / 3, 3e38, 3e38], np.float32)
    run = session(with_gradient(_vector("Y = Relu(X)", 4), of="Y", wrt="X")).run
    np.testing.assert_array_equal(run(["X_gradient"], {"X": x, "Y_cotangent": dy})[0], [*dy[:3], 0])


def _vector(body: str, length: int) -> onnx.ModelProto:
    return _parse(f"(float[{length}] X) => (float[n] Y) {{ {body} }}")


def _parse(text: str, opset: int = 18) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g {text}')


def _length(model: onnx.ModelProto, x: list[float]) -> int:
    return len(session(model).run(["Y"], {"X": np.array(x, np.float32)})[0])
