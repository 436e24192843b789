"""Graphs that are refused with a remedy, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
import onnx_ir as ir
import pytest
import reverie_gradient
from reverie_gradient import (
    GradientError,
    MissingRule,
    NotDifferentiable,
    UnknownName,
    UnknownShape,
    Unrelated,
    add_gradient,
    with_gradient,
)


@dataclass(frozen=True)
class Refusal:
    """``graph`` cannot be differentiated: the error is an ``error`` whose message matches each of ``says``."""

    graph: str
    error: type[GradientError]
    says: tuple[str, ...]
    of: str = "y"
    wrt: str | tuple[str, ...] = "x"
    opset: int = 18


IMAGE = "(float[1,4,9,9] x, float[8,2,3,3] w, float[4] v) => (float[n,c,h,k] y)"

REFUSALS = [
    Refusal(
        "(float[2,2,2,2] x) => (float y) { [one] a = Det(x) [two] b = Unique(a) [three] c = Det(a) y = Mul(b, c) }",
        MissingRule,
        ("Det \\(node 'one', 'three'\\): the gradient of a determinant needs", "Unique \\(node 'two'\\)", "@vjp"),
    ),
    Refusal(
        "(float[2] x) => (float[2] y) { y = com.example.Swirl(x) }",
        MissingRule,
        ("com.example::Swirl \\(node 'y'\\)",),
    ),
    Refusal(
        "(float[2] x, bool c) => (float[2] y) "
        "{ [choice] y = If (c) <then_branch = a () => (float[2] p) { p = Exp(x) }, "
        "else_branch = b () => (float[2] q) { q = Neg(x) }> }",
        MissingRule,
        ("If \\(node 'choice'\\)",),
    ),
    # --- names ---
    Refusal("(float[2] image) => (float[2] y) { y = Exp(image) }", UnknownName, ("'imag'", "'image'"), wrt="imag"),
    Refusal("(float[2] x) => (float[2] y1) { y1 = Exp(x) }", UnknownName, ("'y2'", "'y1'"), of="y2"),
    Refusal(
        "(float[2] x, float[2] y_cotangent) => (float[2] y) { y = Add(x, y_cotangent) }", GradientError, ("rename",)
    ),
    Refusal("(float[2] x) => (float[2] y) { x_gradient = Exp(x) y = Neg(x_gradient) }", GradientError, ("rename",)),
    Refusal("(float[2] x) => (float[2] y) { y = Exp(x) }", GradientError, ("once",), wrt=("x", "x")),
    Refusal("(float[2] x) => (float[2] y) { y = Exp(x) }", GradientError, ("at least one",), wrt=()),
    # --- values without a gradient ---
    Refusal("(float[2] x, float[2] z) => (float[2] y) { y = Exp(z) }", Unrelated, ("'y' does not depend on 'x'",)),
    Refusal(
        "(float[2] x, float[2] z) => (float[2] y) { f = Floor(x) y = Add(f, z) }",
        Unrelated,
        ("through differentiable operators",),
    ),
    Refusal("(float[2] x) => (float[2] y) { y = Exp(x) }", Unrelated, ("'x' does not depend on 'y'",), of="x", wrt="y"),
    Refusal("(int64[2] x) => (int64[2] y) { y = Neg(x) }", GradientError, ("INT64",)),
    Refusal("(float[2] x, int64[2] i) => (float[2] y) { y = Gather(x, i) }", GradientError, ("INT64",), wrt="i"),
    # --- nodes that contradict themselves ---
    Refusal(
        "(float[1,4,9,9] x, float[8,4,3,3] w) => (float[n,c,h,k] y) { [odd] y = Conv <strides = [2]> (x, w) }",
        NotDifferentiable,
        ("Conv node 'odd'", "contradict each other"),
    ),
    Refusal("(float[2,3] x) => (float[a,b] y) { [alone] y = Mul (x) }", NotDifferentiable, ("Mul node 'alone'",)),
    Refusal(
        '(float[2,3] x) => (float[a,b] y) { p = Constant <value_ints = [1]> () [few] y = Pad <mode = "edge"> (x, p) }',
        NotDifferentiable,
        ("Pad node 'few'",),
    ),
    # --- rules that do not cover everything ---
    Refusal(
        "(float[1,1,4,4] x, float[1,2,2,2] g) => (float[a,b,c,d] y) "
        '{ [warp] y = GridSample <mode = "nearest"> (x, g) }',
        NotDifferentiable,
        ("GridSample node 'warp'", "input 1 \\('g'\\)"),
        wrt="g",
    ),
    Refusal(
        '(float[1,2,4,4] x, float[4] s) => (float[n,c,h,k] y) { y = Resize <mode = "linear", antialias = 1> (x, , s) }',
        NotDifferentiable,
        ("antialias needs the size of axis 0 or its scale",),
    ),
    Refusal(
        "(float[N,2,H,W] x, float[2,2,3,3] w) => (float[n,c,h,k] y) "
        "{ y = ConvTranspose <output_shape = [9, 9]> (x, w) }",
        NotDifferentiable,
        ("output_shape",),
    ),
    Refusal(
        "(float[N,2,H,W] x, float[2,2,3,3] w) => (float[n,c,h,k] y) "
        '{ y = Conv <auto_pad = "SAME_UPPER", strides = [2, 2]> (x, w) }',
        NotDifferentiable,
        ("auto_pad",),
    ),
    Refusal(
        IMAGE + "{ y, m, s = BatchNormalization <training_mode = 1> (x, v, v, v, v) }",
        NotDifferentiable,
        ("training_mode",),
    ),
    Refusal(
        "(float[2] x, bool t) => (float[2] y) { r = Constant <value = float {0.5}> () y = Dropout(x, r, t) }",
        NotDifferentiable,
        ("training_mode",),
    ),
    Refusal(
        "(float[2,3] x, int64[1] a) => (float[n] y) { y = ReduceSum <keepdims = 0> (x, a) }",
        NotDifferentiable,
        ("axes",),
    ),
    Refusal(
        "(float[2,3] x, int64[1] a, int64[1] s) => (float[n,m] y) { y = Slice(x, s, s, a) }",
        NotDifferentiable,
        ("axes or steps",),
    ),
    Refusal(
        '(float[N,3] x) => (float[n,m] y) { p = Constant <value_ints = [-1,0,1,0]> () y = Pad <mode = "edge"> (x, p) }',
        NotDifferentiable,
        ("edge", "below zero"),
    ),
    Refusal("(float[2] x, float low) => (float[2] y) { y = Clip(x, low) }", NotDifferentiable, ("'low'",), wrt="low"),
    Refusal("(float[2] x) => (float[2] y) { y = Exp(x) }", GradientError, ("opset 12", "13..28"), opset=12),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.error.__name__} {r.graph[:60]}")
def test_refusal_names_the_thing_and_the_remedy(refusal: Refusal) -> None:
    model = parse(refusal.graph, refusal.opset)
    before = model.SerializeToString()
    with pytest.raises(refusal.error) as caught:
        with_gradient(model, of=refusal.of, wrt=refusal.wrt)
    for words in refusal.says:
        caught.match(words)
    assert model.SerializeToString() == before


def test_a_missing_rule_lists_its_operators_for_programs_too() -> None:
    with pytest.raises(MissingRule) as caught:
        with_gradient(parse(REFUSALS[0].graph), of="y", wrt="x")
    assert caught.value.reasons.keys() <= {"Det", "Unique"}
    assert caught.value.operators == {"Det": ("one", "three"), "Unique": ("two",)}


UNKNOWN = [
    ("(float[2,3] x, int64[k] s) => (float[a,b] y) { r = Reshape(x, s) e = Exp(r) y = MatMul(e, e) }",
     "'e': its rank must be known, but Reshape 'r' takes it from 's', computed at run time; make that a constant"),
    ("(float[2,3] x) => (float[a,b] y) { n = NonZero(x) r = Squeeze(x, n) e = Exp(r) y = MatMul(e, e) }",
     "but Squeeze 'r' takes it from 'n', computed at run time"),
    ("(float[] x) => (float[a,b] y) { [first] r = Relu(x) y = MatMul(r, r) }",
     "but the input 'x' declares no shape; declare it, with names for free sizes"),
    ("(float[2] x, float[2] z) => (float[a,b] y) { r = com.example.Swirl(z) e = Mul(x, r) y = MatMul(e, e) }",
     "but that of the result of com.example::Swirl 'r' cannot be inferred; declare the shape of 'r'"),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "says"), UNKNOWN, ids=lambda text: text[-40:])
def test_an_unknown_rank_is_refused_with_its_cause_and_a_remedy(graph: str, says: str) -> None:
    model = parse(graph)
    for value in (*model.graph.input, *model.graph.output):
        if not value.type.tensor_type.shape.dim:
            value.type.tensor_type.ClearField("shape")
    with pytest.raises(UnknownShape) as caught:
        with_gradient(model, of="y", wrt="x")
    assert says in str(caught.value)


def test_a_refused_graph_keeps_its_nodes() -> None:
    graph = ir.from_proto(parse(REFUSALS[0].graph)).graph
    nodes = list(graph)
    cotangent = ir.Value(name="c")
    with pytest.raises(MissingRule):
        add_gradient(graph, of=graph.outputs[0], wrt=graph.inputs, cotangent=cotangent)
    assert list(graph) == nodes


def test_a_cotangent_of_another_type_is_refused() -> None:
    graph = ir.from_proto(parse("(float[2] x, double[2] c) => (float[2] y) { y = Exp(x) }")).graph
    x, cotangent = graph.inputs
    with pytest.raises(GradientError, match=r"DOUBLE.*FLOAT"):
        add_gradient(graph, of=graph.outputs[0], wrt=[x], cotangent=cotangent)


def test_every_error_is_public_and_a_gradient_error() -> None:
    public = {name: getattr(reverie_gradient, name) for name in reverie_gradient.__all__}
    errors = {v for v in vars(reverie_gradient.errors).values() if isinstance(v, type) and issubclass(v, Exception)}
    assert errors <= set(public.values())
    assert all(issubclass(error, GradientError) for error in errors)


def parse(graph: str, opset: int = 18) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}, "com.example": 1]> g {graph}')
