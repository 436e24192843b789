"""Every rule, against central differences in float64 and then in ONNX Runtime in float32."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from reverie_gradient import unportable, with_gradient
from reverie_gradient.table import RULES

from tests.gradient.all_cases import CASES
from tests.gradient.gradcheck import Case, check_vjp, evaluate, reference_gradients, runtime_gradients

# The operators that a gradient may consist of. Scatter, Unpool, DFT, Loop, Random and the indices of MaxPool are absent
# on purpose, because they are slow, unportable or both.
PORTABLE = {
    *(
        "Abs",
        "Add",
        "Cos",
        "Div",
        "Exp",
        "HardSigmoid",
        "Identity",
        "Log",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "Sigmoid",
    ),
    *(
        "Sign",
        "Sin",
        "Sqrt",
        "Sub",
        "Tanh",
        "And",
        "Equal",
        "Greater",
        "Less",
        "Not",
        "Or",
        "Where",
        "Cast",
        "Constant",
    ),
    *(
        "AveragePool",
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "Gemm",
        "MatMul",
        "ReduceMax",
        "ReduceProd",
        "ReduceSum",
    ),
    *("Concat", "Expand", "Floor", "Gather", "NonZero", "Pad", "Range", "Reshape", "Resize", "Shape", "Slice", "Split"),
    *("Squeeze", "Transpose", "Unsqueeze"),
}

BY_INPUT = [(case, wrt) for case in CASES for wrt in case.shapes if wrt in case.wrt]
# ONNX Runtime 1.32 lacks operators that are newer.
NEWEST_RUN = 25
BY_OPSET = [
    (c, n)
    for c in CASES
    if c.wrt and c.runtime
    for n in sorted({13, 18, 23, c.opsets[0]})
    if c.opsets[0] <= n <= min(c.opsets[1], NEWEST_RUN)
]


def name(value: object) -> str:
    return f"{value.body} {value.x}" if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("case", "wrt"), BY_INPUT, ids=name)
def test_rule_agrees_with_central_differences(case: Case, wrt: str) -> None:
    check_vjp(case, wrt, np.random.default_rng(0))


@pytest.mark.parametrize("symbolic", [False, True], ids=["static", "symbolic"])
@pytest.mark.parametrize(("case", "opset"), BY_OPSET, ids=name)
def test_rule_gives_the_same_in_onnxruntime_in_float32(case: Case, opset: int, symbolic: bool) -> None:
    rng = np.random.default_rng(0)
    feeds = {n: v.astype(np.float32).astype(np.float64) for n, v in case.feeds(rng).items()}
    wrt = [n for n in case.shapes if n in case.wrt]
    (y,) = evaluate(case.model(), ["Y"], feeds)
    dy = rng.standard_normal(y.shape).astype(np.float32).astype(np.float64)
    expected = reference_gradients(case, feeds, wrt, dy)
    found = runtime_gradients(case.model("float", symbolic=symbolic, opset=opset), feeds, wrt, dy)
    for f, e in zip(found, expected, strict=True):
        assert f.shape == e.shape
        np.testing.assert_allclose(f, e, rtol=2e-5, atol=1e-5 * max(np.abs(e).max(initial=0), 1))


@pytest.mark.parametrize("case", CASES, ids=name)
@pytest.mark.parametrize("dtype", ["float", "double"])
def test_gradients_consist_of_portable_operators(case: Case, dtype: str) -> None:
    wrt = [n for n in case.shapes if n in case.wrt]
    if not wrt:
        return
    forward = case.model(dtype)
    built = with_gradient(forward, of="Y", wrt=wrt)
    if dtype == "float":
        onnx.checker.check_model(built, full_check=True)
    added = [node for node in built.graph.node if "gradient" in node.name.split("/")]
    assert {node.op_type for node in added} <= PORTABLE
    assert unportable(ir.from_proto(forward).graph) == {}
    assert {node.domain for node in added} <= {""}
    for node in added:
        if node.op_type == "ConvTranspose":  # at stride 1 a Conv is faster, and stays in the blocked layout
            assert any(max(a.ints) > 1 for a in node.attribute if a.name == "strides")


def test_every_rule_has_a_case() -> None:
    covered = {operator for case in CASES for operator in case.operators}
    assert RULES.keys() - covered == set()
