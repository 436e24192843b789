"""The explanations of why a node has no form on rows, one for each reason of each rule."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import SettleShapes
from reverie_ascent.lowering.explain import explain
from reverie_ascent.lowering.lower import lower
from reverie_ascent.lowering.rewrite import Rewrite
from reverie_ascent.lowering.rules import lowerable, why_not
from reverie_ascent.plan import LoweringPlan, Rates
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.session import Device

X, W = "float[1, 8, 8, 8] X", {"w": np.ones((8, 8, 3, 3), np.float32)}
THREE = "kernel_shape = [3, 3], pads = [1, 1, 1, 1]"
POOL = "kernel_shape = [2, 2], strides = [2, 2]"

# A node with the result Y, the shape of Y, and why it has no form on rows; None if it has one.
REASONS = [
    (f"Conv <{THREE}> (X, w)", "1, 8, 8, 8", None),
    ("Conv <kernel_shape = [3, 3]> (X, w)", "1, 8, 6, 6", "its pads is [0, 0, 0, 0], not [1, 1, 1, 1]"),
    (f"Conv <{THREE}, strides = [2, 2]> (X, w)", "1, 8, 4, 4", "its strides is [2, 2], not [1, 1]"),
    (
        'Conv <kernel_shape = [3, 3], auto_pad = "SAME_UPPER"> (X, w)',
        "1, 8, 8, 8",
        "its padding is automatic",
    ),
    (f"MaxPool <{POOL}> (X)", "1, 8, 4, 4", None),
    ("MaxPool <kernel_shape = [3, 3]> (X)", "1, 8, 6, 6", "its kernel_shape is [3, 3], not [2, 2]"),
    (f"MaxPool <{POOL}, ceil_mode = 1> (X)", "1, 8, 4, 4", "it rounds sizes up"),
    ("Concat <axis = 2> (X, X)", "1, 8, 16, 8", "it joins along another axis than the channels"),
    ("Softmax(X)", "1, 8, 8, 8", "there is no rule for this operator"),
    ("Flatten(X)", "1, 512", "there is no rule for this operator"),
    ("Relu(X)", "1, 8, 8, 8", None),
]


@pytest.mark.parametrize(("node", "shape", "reason"), REASONS)
def test_a_rule_says_why_it_does_not_apply(node: str, shape: str, reason: str | None) -> None:
    used = W if "w)" in node else {}
    model = fragment(f"g ({X}) => (float[{shape}] Y)", f"Y = {node}", used)
    (last,) = [each for each in model.graph if each.outputs[0].name == "Y"]
    assert why_not(last) == reason
    assert lowerable(last) == (reason is None)


def network() -> ir.Model:
    body = f"s = Softmax(X) a = Conv <{THREE}> (s, w) r = Relu(a) Y = Conv <{THREE}> (r, w)"
    return fragment(f"g ({X}) => (float[1, 8, 8, 8] Y)", body, W)


def device(rows: float) -> Device:
    rates = Rates({16: 1.0}, {16: rows}, {16: 1.0}, {16: rows}, 0.1)
    return Device("cpu", (CPU.provider,), 1, plan=LoweringPlan("made up", rates))


def test_every_node_is_explained_as_it_is_lowered() -> None:
    cheap = {each.op_type: each for each in explain(network(), device(0.01))}
    assert "Winograd" in cheap["Conv"].how
    assert cheap["Relu"].lowered
    assert not cheap["Softmax"].lowered
    expensive = {each.op_type: each for each in explain(network(), device(9.0))}
    assert not any(each.lowered for each in expensive.values())
    assert "would take" in expensive["Conv"].how


# ----- preconditions and postconditions of passes -----


class Renames(Rewrite):
    """Violates a postcondition: an output has another name afterwards."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        model.graph.outputs[0].name = "Z"
        return ir.passes.PassResult(model, True)


class Forgets(Rewrite):
    """Violates another one: a node that others read is missing afterwards."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        first = next(iter(model.graph))
        model.graph.remove(first)
        return ir.passes.PassResult(model, True)


@pytest.mark.parametrize(
    ("broken", "message"), [(Renames(), "has become Z"), (Forgets(), "which nothing before it gives")]
)
def test_a_pass_that_violates_its_postcondition_is_detected(broken: Rewrite, message: str) -> None:
    with pytest.raises(ir.passes.PostconditionError, match=message):
        broken(network())


def test_a_program_of_unknown_size_is_not_lowered() -> None:
    model = fragment("g (float[N, 8, 8, 8] X) => (float[N, 8, 8, 8] Y)", "Y = Relu(X)")
    with pytest.raises(ir.passes.PreconditionError, match="size of the input X is open"):
        SettleShapes()(model)
    with pytest.raises(ir.passes.PreconditionError, match="size of the input X is open"):
        lower(model, device(1.0))
