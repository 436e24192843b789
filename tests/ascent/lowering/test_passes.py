"""The passes before the choice: sizes are folded, linear objectives get a closed form, masks are reduced."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.graph.shapes import dims, settle
from reverie_ascent.lowering.closed_form import CloseLinearObjectives
from reverie_ascent.lowering.masks import ShrinkMasks

from tests.ascent.lowering.rewriting import both, error, noise, run

PADDED = "<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"


def operators(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


# ----- settle -----


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("s = Shape(X) Y = Reshape(X, s)", []),
        ("s = Shape(X) h = Gather(s, two) a = Sub(h, one) b = Add(a, one) c = Concat <axis = 0> (start, b, w)"
         " Y = Reshape(X, c)", []),
        ("Y = Slice(X, zeros, large, axes)", []),
        ("Y = Pad(X, none)", []),
        ("Y = Identity(X)", []),
        ("Y = Slice(X, back, forth, axes, minus)", ["Slice"]),
        ("g = Greater(zeros, one) v = Where(g, zeros, large) Y = Slice(X, zeros, large, axes)", []),
        ("k = Mul(one, one) f = Cast <to = 1> (k) Y = Mul(X, f)", ["Mul"]),
    ],
)  # fmt: skip
def test_values_that_only_depend_on_sizes_are_folded(body: str, left: list[str]) -> None:
    constants = {
        "two": np.array([2]), "one": np.array([1]), "start": np.array([2, 3]), "w": np.array([5]),
        "zeros": np.array([0, 0]), "large": np.array([2**31, 2**31]), "axes": np.array([2, 3]),
        "none": np.zeros(8, np.int64), "back": np.array([-1, -1]), "forth": np.array([-(2**31)] * 2),
        "minus": np.array([-1, -1]),
    }  # fmt: skip
    used = {name: array for name, array in constants.items() if f" {name}" in body or f"({name}" in body}
    # A node that gives an output is kept for the name of the output; a Neg after it shows whether it is folded.
    body = body.replace("Y = ", "end = ") + " Y = Neg(end)"
    apart, model = both("g (float[2, 3, 4, 5] X) => (float[2, 3, 4, 5] Y)", body, used, settle)
    assert apart == 0
    assert list(operators(model)) == [*left, "Neg"]
    assert all(dims(value) is not None for node in model.graph for value in node.outputs)


# ----- the closed form -----

LINEAR = """
    y = Conv {attributes} (x, w{bias})
    points = Reshape(y, flat)
    seen = MatMul(points, position)
    score = MatMul(vector, seen)
"""


def linear(*, bias: bool, taps: int, batch: int) -> ir.Model:
    rng = np.random.default_rng(0)
    attributes = f"<kernel_shape = [{taps}, {taps}], pads = [{', '.join(4 * [str(taps // 2)])}]>"
    constants = {
        "w": rng.standard_normal((6, 5, taps, taps)).astype(np.float32),
        "flat": np.array([batch, 6, 56]),
    } | ({"b": rng.random(6).astype(np.float32)} if bias else {})
    model = fragment(
        f"g (float[{batch}, 5, 7, 8] x, float[{batch}, 56, 1] position, float[{batch}, 1, 6] vector)"
        f" => (float[{batch}, 1, 1] score)",
        LINEAR.format(attributes=attributes, bias=", b" if bias else ""),
        constants,
    )
    return differentiate(model, of="score", wrt="x")


def convolved(model: ir.Model) -> list[tuple[int, ...]]:
    """Return the shapes of the inputs of all convolutions."""
    return [dims(node.inputs[0]) or () for node in model.graph if node.op_type == "Conv"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("taps", [1, 3, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_closed_form_gives_score_and_gradient_without_the_convolution(bias: bool, taps: int, batch: int) -> None:
    plain, closed = (linear(bias=bias, taps=taps, batch=batch) for _ in range(2))
    settle(plain)
    settle(closed)
    before = len(convolved(plain))
    CloseLinearObjectives()(closed)
    feeds = noise(plain, seed=1)
    expected, got = run(plain, feeds), run(closed, feeds)
    assert max(error(got[name], expected[name]) for name in expected) <= 1e-5
    assert before == 2
    # The remaining convolutions have one plane: the weights of the positions for each tap of the kernel.
    assert {shape[1] for shape in convolved(closed)} <= {1}


def test_a_target_that_is_an_output_is_computed() -> None:
    model = linear(bias=True, taps=3, batch=1)
    y = next(node.outputs[0] for node in model.graph if node.op_type == "Conv")
    y.shape, y.type = ir.Shape([1, 6, 7, 8]), ir.TensorType(ir.DataType.FLOAT)
    model.graph.outputs.append(y)
    settle(model)
    CloseLinearObjectives()(model)
    assert any(dims(node.outputs[0]) == (1, 6, 7, 8) for node in model.graph if node.op_type == "Conv")


# ----- masks -----


def pooled() -> ir.Model:
    weights = np.random.default_rng(0).standard_normal((6, 5, 3, 3)).astype(np.float32)
    model = fragment(
        "g (float[2, 5, 8, 10] x) => (float[2, 6, 4, 5] y)",
        f"a = Conv {PADDED} (x, w) r = Relu(a) y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)",
        {"w": weights},
    )
    return differentiate(model, of="y", wrt="x")


def masks(model: ir.Model) -> Counter[tuple[int, ...] | None]:
    return Counter(dims(node.outputs[0]) for node in model.graph if node.op_type == "HardSigmoid")


def test_the_mask_of_a_rectified_pool_is_taken_at_the_size_of_the_pool() -> None:
    plain, shrunk = pooled(), pooled()
    settle(shrunk)
    full = masks(shrunk)
    ShrinkMasks()(shrunk)
    assert full == Counter({(2, 6, 8, 10): 2})
    assert masks(shrunk) == Counter([(2, 6, 4, 5), (2, 6, 8, 10)])
    feeds = noise(plain, seed=2)
    expected, got = run(plain, feeds), run(shrunk, feeds)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)


def test_other_pairs_of_masks_are_kept() -> None:
    body = """
        a = HardSigmoid <alpha = 3.0, beta = 0.0> (r)
        p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
        up = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (g, , two)
        below = Add(r, other)
        m = HardSigmoid <alpha = 3.0, beta = 1.0> (below)
        inner = Mul(up, m)
        y = Mul(inner, a)
    """
    signature = (
        "g (float[1, 3, 4, 4] r, float[1, 3, 2, 2] g, float[1, 3, 4, 4] other)"
        " => (float[1, 3, 4, 4] y, float[1, 3, 2, 2] p)"
    )
    apart, model = both(signature, body, {"two": np.array([1, 1, 2, 2], np.float32)}, ShrinkMasks())
    assert apart == 0
    assert operators(model)["HardSigmoid"] == 2
