"""Constant folding: values that depend only on weights are computed before the graph is loaded."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.lowering.fold import FoldConstants
from reverie_ascent.runtime.session import Session, choose_device

from tests.ascent.lowering.rewriting import both, lower_all

WEIGHTS = np.random.default_rng(2).standard_normal((4, 6, 3, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("k = Transpose <perm = [2, 3, 1, 0]> (w)", {}),
        ("k = Transpose(w)", {}),
        ("k = Reshape(w, shape)", {"shape": [0, -1, 5]}),
        ("k = Slice(w, start, end)", {"start": [1, 2], "end": [2**40, -1]}),
        ("k = Slice(w, start, end, axes, steps)",
         {"start": [-1, -1], "end": [-(2**40), 1], "axes": [3, 1], "steps": [-1, -2]}),
        ("v = Transpose(w) k = MatMul(w, square)", {"square": np.ones((5, 5), np.float32)}),
        ("k = Mul(w, column)", {"column": np.arange(3, dtype=np.float32)[:, None]}),
        ("k, rest = Split <axis = 1, num_outputs = 2> (w)", {}),
        ("rest, k = Split <axis = 3, num_outputs = 2> (w)", {}),
        ("rest, k = Split <axis = -1> (w, sizes)", {"sizes": [2, 3]}),
        ("a, b = Split <axis = 0, num_outputs = 2> (w) t = Transpose(b) k = Mul(t, two)",
         {"two": np.full(1, 2, np.float32)}),
    ],
)  # fmt: skip
def test_a_fold_gives_the_result_of_the_onnx_reference(body: str, constants: dict[str, object]) -> None:
    given = {name: np.asarray(value) for name, value in constants.items()}
    text = f"{body} f = Reshape(k, flat) s = ReduceSum <keepdims = 1> (f) l = Concat <axis = 0> (f, s) Y = Mul(l, X)"
    apart, model = both(
        "g (float[1] X) => (float[n] Y)", text, {"w": WEIGHTS, "flat": np.array([-1])} | given, FoldConstants()
    )
    assert apart <= 1e-6
    assert [node.op_type for node in model.graph] == ["ReduceSum", "Concat", "Mul"]


def test_nodes_that_depend_on_an_input_are_kept() -> None:
    apart, model = both(
        "g (float[6] X) => (float[2, 3] Y)",
        "k = Mul(X, w) r = Reshape(k, shape) t = Transpose(r) u = Transpose(t) Y = Neg(u)",
        {"w": np.arange(6, dtype=np.float32), "shape": np.array([2, 3])},
        FoldConstants(),
    )
    assert apart == 0
    assert [node.op_type for node in model.graph] == ["Mul", "Reshape", "Transpose", "Transpose", "Neg"]


def test_an_output_keeps_its_name() -> None:
    apart, model = both("g (float[1] X) => (float[5, 3, 6, 4] Y, float[1] Z)", "Y = Transpose(w) Z = Neg(X)",
                        {"w": WEIGHTS}, FoldConstants())  # fmt: skip
    assert apart == 0
    assert [value.name for value in model.graph.outputs] == ["Y", "Z"]


def lower_and_fold(model: ir.Model) -> None:
    """Lower every node that can be lowered and fold constants, as `lower` does."""
    lower_all(model)
    FoldConstants()(model)


def test_no_transform_of_a_kernel_remains() -> None:
    w = np.random.default_rng(0).standard_normal((16, 16, 3, 3)).astype(np.float32)
    _, model = both(
        "g (float[1, 16, 8, 8] X) => (float[1, 16, 8, 8] Y)",
        "a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (X, w) b = Relu(a)"
        " c = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (b, w) Y = Neg(c)",
        {"w": w},
        lower_and_fold,
    )
    assert all(any(not v.is_initializer() for v in node.inputs if v is not None) for node in model.graph)


def test_a_session_removes_large_constants_from_the_graph() -> None:
    model = fragment("g (float[1] X) => (float[4, 6, 3, 5] Y)", "Y = Mul(w, X)", {"w": WEIGHTS})
    x = np.array([2], np.float32)
    np.testing.assert_array_equal(Session(model, choose_device("cpu", threads=1)).run({"X": x})["Y"], 2 * WEIGHTS)
    assert [type(v.const_value) for v in model.graph.initializers.values()] == [ir.ExternalTensor]


def test_a_transformed_kernel_is_freed() -> None:
    """A value refers to its readers, so a removed convolution could keep the kernel in memory."""
    w = np.random.default_rng(0).standard_normal((16, 16, 3, 3)).astype(np.float32)
    _, model = both(
        "g (float[1, 16, 8, 8] X) => (float[1, 16, 8, 8] Y)",
        "t = Transpose <perm = [1, 0, 2, 3]> (w) Y = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (X, t)",
        {"w": w},
        lower_and_fold,
    )
    shapes = [tuple(value.shape or ()) for value in model.graph.initializers.values()]
    assert (16, 16) in shapes
    assert (16, 16, 3, 3) not in shapes
