"""Numbers that a rule needs before the graph runs, in every way in which exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper
from onnx_ir.passes.common import LiftConstantsToInitializersPass
from reverie_gradient import with_gradient

from tests.gradient.gradcheck import evaluate

STEP = 1e-6
TYPES = {"int64": np.int64, "int32": np.int32, "float": np.float32, "double": np.float64, "bool": np.bool_}


@dataclass(frozen=True)
class Need:
    """``body`` computes Y from X and from constants, K (and L), whose types and numbers ``constants`` gives.

    A shape of "" is that of a scalar, else the constant is a vector. Weights are constants, too, of any shape.
    """

    body: str
    x: str
    opset: int = 18
    k: str = ""
    low: float = 0.5
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def constants(self) -> dict[str, tuple[str, np.ndarray]]:
        """Type and numbers by name: "K int64 1 2, L int32 = 3" is a vector and a scalar."""
        found: dict[str, tuple[str, np.ndarray]] = {}
        for part in self.k.split(","):
            name, kind, *numbers = part.split()
            scalar = numbers[0] == "="
            array: np.ndarray = np.array([float(n) for n in numbers[scalar:]]).astype(TYPES[kind])
            found[name] = (kind, array.reshape(()) if scalar else array)
        return found


NEEDS = [
    Need("Y = Pad <mode = 'reflect'> (X, K)", "1,2,5,4", k="K int64 0 0 2 1 0 0 1 2"),
    Need("Y = Pad <mode = 'edge'> (X, K, , L)", "1,2,5,4", k="K int64 2 0 1 1, L int64 2 -1"),
    Need("Y = Pad <mode = 'wrap'> (X, K)", "3,4", opset=19, k="K int64 1 0 2 1"),
    Need("Y = Pad (X, K)", "1,2,5,4", k="K int64 0 0 2 1 0 0 1 2"),
    Need("r = Reshape (X, K) Y = MatMul (r, w)", "2,3,4", k="K int64 2 -1", weights={"w": (12, 2)}),
    Need("r = Reshape (X, K) Y = Softmax <axis = 1> (r)", "2,3,4", k="K int64 0 2 -1"),
    Need("e = Expand (X, K) Y = Mul (e, e)", "2,1,3", k="K int64 4 1 5 3"),
    Need("t = Tile (X, K) Y = Mul (t, t)", "2,3", k="K int64 2 3"),
    Need("s = Slice (X, K, L, M, P) Y = Mul (s, s)", "5,6", k="K int64 1 5, L int64 9 -7, M int64 0 1, P int64 2 -2"),
    Need("s = Slice (X, K, L) Y = Transpose (s)", "5,6", k="K int32 1 2, L int32 4 5"),
    Need("g = Gather <axis = 1> (X, K) Y = Mul (g, g)", "3,5", k="K int64 0 -1 2 2"),
    Need("u = Unsqueeze (X, K) Y = Transpose <perm = [2, 0, 1, 3]> (u)", "2,3", k="K int64 0 -1"),
    Need("u = Squeeze (X, K) Y = MatMul (u, u)", "3,1,3", k="K int64 1"),
    Need("a, b = Split <axis = 1> (X, K) Y = Mul (a, b)", "2,4", k="K int64 2 2"),
    Need("a, b, c = Split <axis = 1> (X, K) d = Concat <axis = 1> (c, a) Y = Mul (d, d)", "2,6", k="K int64 1 2 3"),
    Need("Y = ReduceSum <keepdims = 0> (X, K)", "2,3,4", k="K int64 0 -1"),
    Need("Y = ReduceMean (X, K)", "2,3,4", k="K int64 1"),
    Need("Y = ReduceL2 <keepdims = 0> (X, K)", "2,3,4", k="K int64 2"),
    Need("Y = ReduceMax <keepdims = 0> (X, K)", "2,3,4", k="K int64 2"),
    Need("Y = ReduceProd <keepdims = 0> (X, K)", "2,3,4", k="K int64 0 1"),
    Need("Y = ReduceLogSumExp <keepdims = 0> (X, K)", "2,3,4", k="K int64 0 1"),
    Need("v, i = TopK (X, K) Y = Mul (v, v)", "3,5", k="K int64 2"),
    Need("Y = CumSum (X, K)", "3,4", k="K int64 = 1"),
    Need("Y = Trilu (X, K)", "3,4", k="K int64 = 1"),
    Need("Y = Clip (X, K, L)", "3,4", k="K double = 0.8, L double = 1.4"),
    Need("Y = Resize <mode = 'linear'> (X, , K)", "1,2,4,5", k="K float 1 1 1.5 2"),
    Need("Y = Resize <mode = 'nearest'> (X, , K)", "1,2,4,5", k="K float 1 1 2 2"),
    Need("Y = Resize <mode = 'linear'> (X, , , K)", "1,2,4,5", k="K int64 1 2 7 3"),
    Need("Y = Resize <mode = 'linear', antialias = 1> (X, , , K)", "1,2,6,6", k="K int64 1 2 3 4"),
    Need("Y = Resize <mode = 'cubic', axes = [2, 3]> (X, , , K)", "1,2,4,5", k="K int64 7 3"),
    Need("Y = ScatterElements <axis = 1> (X, K2, u) K2 = Unsqueeze (K, L)", "1,4", k="K int64 1 3, L int64 0"),
    Need("d = OneHot (i, K, v) Y = MatMul (X, d)", "2,3", k="K int64 = 4, v double 0 2, i int64 0 3 1"),
    Need("Y = Col2Im (X, K, L)", "1,4,9", k="K int64 4 4, L int64 2 2"),
    Need("c = CenterCropPad <axes = [0]> (X, K) Y = Mul (c, c)", "5,3", k="K int64 3"),
    Need("d = Dropout (X, r, K) Y = Mul (d, d)", "3", k="K bool = 0, r float = 0.5"),
    Need("a = ConstantOfShape <value = double[1] {2.0}> (K) Y = MatMul (X, a)", "2,3", k="K int64 3 4"),
    Need("a = Range (K, L, M) Y = MatMul (X, a)", "2,3", k="K double = 1, L double = 4, M double = 1"),
]  # fmt: skip


def _text(kind: str, array: np.ndarray) -> str:
    """Write a constant as ONNX's text form has it."""
    numbers = ", ".join(str(int(n)) if np.issubdtype(array.dtype, np.integer) or kind == "bool" else repr(float(n))
                        for n in np.ravel(array))  # fmt: skip
    return f"{kind}{list(array.shape) if array.ndim else ''} {{{numbers}}}"


def _constant(name: str, kind: str, array: np.ndarray) -> str:
    return f"{name} = Constant <value = {_text(kind, np.asarray(array))}> ()"


def _cast(name: str, kind: str, array: np.ndarray) -> str:
    other = {"int64": "int32", "int32": "int64", "float": "double", "double": "float", "bool": "int64"}[kind]
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(TYPES[kind]))
    return f"{_constant(f'{name}_o', other, array.astype(TYPES[other]))} {name} = Cast <to = {number}> ({name}_o)"


def _concat(name: str, kind: str, array: np.ndarray) -> str:
    """Each element apart, as torch traces them: Unsqueeze of scalars, then Concat."""
    flat = np.ravel(array)
    parts = " ".join(
        f"{_constant(f'{name}_{i}s', kind, flat[i])} {name}_{i} = Unsqueeze ({name}_{i}s, {name}_axis)"
        for i in range(len(flat))
    )
    joined = f"{name}_all" if array.ndim == 0 else name
    text = f"{_constant(f'{name}_axis', 'int64', np.array([0]))} {parts}"
    text += f" {joined} = Concat <axis = 0> ({', '.join(f'{name}_{i}' for i in range(len(flat)))})"
    return text if array.ndim else f"{text} {name} = Squeeze ({joined}, {name}_axis)"


def _filled(name: str, kind: str, array: np.ndarray) -> str:
    """ConstantOfShape of ones, times the numbers."""
    one = {"bool": "bool[1] {1}", "float": "float[1] {1.0}", "double": "double[1] {1.0}"}.get(kind, f"{kind}[1] {{1}}")
    shape = _constant(f"{name}_n", "int64", np.array(array.shape, np.int64)) if array.ndim else (
        f"{name}_n = Constant <value = int64[0] {{}}> ()")  # fmt: skip
    by = "And" if kind == "bool" else "Mul"
    return (
        f"{shape} {name}_1 = ConstantOfShape <value = {one}> ({name}_n) {_constant(f'{name}_k', kind, array)} "
        f"{name} = {by} ({name}_1, {name}_k)"
    )


def _from_shape(name: str, kind: str, array: np.ndarray) -> str:
    """The numbers plus the first size of X minus itself, cast from int64 or to it: computed from a shape."""
    if kind == "bool":
        return (
            f"{name}_s = Size (X) {_constant(f'{name}_z', 'int64', np.array(-1))} {name} = Equal ({name}_s, {name}_z)"
        )
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(TYPES[kind]))
    return (
        f"{name}_s = Shape (X) {_constant(f'{name}_i', 'int64', np.array(0))} {name}_f = Gather ({name}_s, {name}_i) "
        f"{name}_c = Cast <to = {number}> ({name}_f) {_constant(f'{name}_k', kind, array)} "
        f"{name}_p = Add ({name}_k, {name}_c) {name} = Sub ({name}_p, {name}_c)"
    )


def _sliced(name: str, kind: str, array: np.ndarray) -> str:
    """The middle of a longer one."""
    flat = np.ravel(array)
    longer = np.concatenate([flat[:1], flat, flat[-1:]])
    cut = f"{name}_cut" if array.ndim == 0 else name
    text = (
        f"{_constant(f'{name}_l', kind, longer)} {_constant(f'{name}_a', 'int64', np.array([1]))} "
        f"{_constant(f'{name}_e', 'int64', np.array([-1]))} {cut} = Slice ({name}_l, {name}_a, {name}_e)"
    )
    return (
        text
        if array.ndim
        else f"{text} {name}_z = Constant <value = int64[0] {{}}> () {name} = Reshape ({cut}, {name}_z)"
    )


WAYS: dict[str, Callable[[str, str, np.ndarray], str]] = {
    "an initializer": lambda name, kind, array: "",
    "a Constant": _constant,
    "a Cast": _cast,
    "an Identity": lambda name, kind, array: f"{_constant(f'{name}_k', kind, array)} {name} = Identity ({name}_k)",
    "a Concat of its elements": _concat,
    "a ConstantOfShape": _filled,
    "computed from a Shape": _from_shape,
    "a Slice": _sliced,
}


def model(need: Need, way: str) -> onnx.ModelProto:
    constants = {name: (kind, np.asarray(array)) for name, (kind, array) in need.constants.items()}
    prefix = " ".join(WAYS[way](name, kind, array) for name, (kind, array) in constants.items())
    body = need.body.replace("'", '"')
    if "K2 = " in body:  # before its use
        first, _, second = body.partition(" K2 = ")
        body = f"K2 = {second} {first}"
    text = (
        f'<ir_version: 8, opset_import: ["": {need.opset}]> g (double[{need.x}] X) => (double Y) {{ {prefix} {body} }}'
    )
    made = onnx.parser.parse_model(text)
    made.graph.output[0].type.tensor_type.ClearField("shape")
    rng = np.random.default_rng(0)
    given = {name: array for name, (_, array) in constants.items()} if not prefix.strip() else {}
    given |= {name: rng.standard_normal(shape) for name, shape in need.weights.items()}
    if "ScatterElements" in body:
        given["u"] = rng.standard_normal((1, 2))
    made.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in given.items())
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.body)
def test_a_rule_takes_its_constants_in_every_way(need: Need, way: str) -> None:
    forward = model(need, way)
    built = with_gradient(forward, of="Y", wrt="X")
    rng = np.random.default_rng(1)
    x = rng.uniform(need.low, 2.0, tuple(map(int, need.x.split(","))))
    direction = rng.standard_normal(x.shape)
    (ahead,), (behind,) = (evaluate(forward, ["Y"], {"X": x + step * direction}) for step in (STEP, -STEP))
    cotangent = rng.standard_normal(ahead.shape)
    (gradient,) = evaluate(built, ["X_gradient"], {"X": x, "Y_cotangent": cotangent})
    assert gradient.shape == x.shape
    slope = np.vdot(cotangent, ahead - behind) / (2 * STEP)
    np.testing.assert_allclose(np.vdot(gradient, direction), slope, rtol=1e-6, atol=1e-8)


# ----- shapes that depend on free sizes: some of their elements are numbers, others are known only at run time -----

INTEGERS = " ".join(
    (
        "i0 = Constant <value = int64 {0}> () minus = Constant <value_ints = [-1]> () s = Shape (X)",
        *(f"v{n} = Constant <value_ints = [{n}]> ()" for n in range(5)),
    )
)
FREE = {
    "Flatten as tf2onnx writes it, in int32": "c = Cast <to = 6> (s) n = Slice (c, v0, v1, v0) "
    "r = Constant <value = int32[1] {48}> () t = Concat <axis = 0> (n, r) k = Cast <to = 7> (t) f = Reshape (X, k) "
    "Y = MatMul (f, w)",
    "Flatten as torch writes it": "n = Gather (s, i0) u = Unsqueeze (n, v0) t = Concat <axis = 0> (u, minus) "
    "f = Reshape (X, t) Y = MatMul (f, w)",
    "Flatten by the product of the other sizes": "r = Slice (s, v1, v4) p = ReduceProd <keepdims = 1> (r, v0) "
    "n = Slice (s, v0, v1) t = Concat <axis = 0> (n, p) f = Reshape (X, t) Y = MatMul (f, w)",
    "by way of floats": "c = Cast <to = 1> (s) l = Floor (c) b = Cast <to = 7> (l) n = Gather (b, v0) "
    "t = Concat <axis = 0> (n, minus) f = Reshape (X, t) Y = MatMul (f, w)",
    "the batch last": "n = Gather (s, i0) u = Unsqueeze (n, v0) t = Concat <axis = 0> (minus, u) "
    "x = Transpose <perm = [1, 2, 3, 0]> (X) f = Reshape (x, t) g = Transpose (f) Y = MatMul (g, w)",
    "only the rank is known": "m = ReduceMax <keepdims = 0> (s, v0) n = Div (m, m) u = Unsqueeze (n, v0) "
    "t = Concat <axis = 0> (u, minus) f = Reshape (X, t) Y = Softmax (f)",
    "tokens of a grid": "n = Slice (s, v0, v2) t = Concat <axis = 0> (n, minus) f = Reshape (X, t) "
    "g = Transpose <perm = [0, 2, 1]> (f) Y = MatMul (f, g)",
    "an Expand as torch writes it": "n = Slice (s, v0, v1) t = Concat <axis = 0> (n, v4, v4) l = Shape (t) "
    "o = ConstantOfShape <value = int64[1] {1}> (l) e = Equal (t, minus) q = Where (e, o, t) "
    "token = Constant <value = double[1,1,4] {0.5, 1.0, -1.0, 2.0}> () x = Expand (token, q) "
    "g = ReduceMean <keepdims = 0> (X, v1) Y = MatMul (g, x)",
    "an Expand of the input": "y = ReduceMean <keepdims = 1> (X, v0) e = Expand (y, s) d = Mul (e, X) "
    "Y = ReduceSum <keepdims = 0> (d, v1)",
    "a Tile": "h = Gather (s, v0) t = Concat <axis = 0> (h, v1, v1, v2) y = ReduceMean <keepdims = 1> (X, v0) "
    "e = Tile (y, t) Y = Mul (e, e)",
    "a Slice up to the size": "h = Gather (s, v2) a = Slice (X, v1, h, v2) Y = Softmax (a)",
    "a Split into half and half": "c = Gather (s, v2) h = Div (c, v2) t = Concat <axis = 0> (h, h) "
    "a, b = Split <axis = 2> (X, t) Y = Mul (a, b)",
    "a Resize to twice the size": "h = Gather (s, v2) w2 = Gather (s, v3) a = Mul (h, v2) b = Mul (w2, v2) "
    'n = Slice (s, v0, v2) t = Concat <axis = 0> (n, a, b) Y = Resize <mode = "linear"> (X, , , t)',
    "a reflecting Pad of a computed amount": "n = Slice (s, v1, v2) a = Div (n, n) z = Sub (a, a) "
    't = Concat <axis = 0> (z, z, a, a, z, z, a, a) Y = Pad <mode = "reflect"> (X, t)',
    "a ConstantOfShape": "n = Slice (s, v0, v1) t = Concat <axis = 0> (n, v4, v4) "
    "o = ConstantOfShape <value = double[1] {0.5}> (t) g = ReduceMean <keepdims = 0> (X, v1) Y = MatMul (g, o)",
}


@pytest.mark.parametrize("sizes", ["N,3,4,4", "1,3,4,4", "N,3,H,W", "N,C,H,W"])
@pytest.mark.parametrize("initializers", [False, True], ids=["nodes", "initializers"])
@pytest.mark.parametrize("name", FREE)
def test_a_shape_is_computed_from_sizes_of_which_some_are_free(name: str, initializers: bool, sizes: str) -> None:
    text = f"double[{sizes}] X, double[48,2] w"
    body = f"{INTEGERS} {FREE[name]}"
    forward = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> g ({text}) => (double Y) {{ {body} }}')
    forward.graph.output[0].type.tensor_type.ClearField("shape")
    if initializers:
        lifted = ir.from_proto(forward)
        LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(lifted)
        forward = ir.to_proto(lifted)
    built = with_gradient(forward, of="Y", wrt="X")
    rng = np.random.default_rng(1)
    x, w = rng.uniform(-2.0, 2.0, (1 if sizes.startswith("1") else 2, 3, 4, 4)), rng.standard_normal((48, 2))
    direction = rng.standard_normal(x.shape)
    (ahead,), (behind,) = (evaluate(forward, ["Y"], {"X": x + t * direction, "w": w}) for t in (STEP, -STEP))
    cotangent = rng.standard_normal(ahead.shape)
    (gradient,) = evaluate(built, ["X_gradient"], {"X": x, "w": w, "Y_cotangent": cotangent})
    slope = np.vdot(cotangent, ahead - behind) / (2 * STEP)
    np.testing.assert_allclose(np.vdot(gradient, direction), slope, rtol=1e-6, atol=1e-8)
