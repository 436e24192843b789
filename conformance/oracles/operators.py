"""Questions about single operators: the test cases of Reverie's rules, with Reverie's gradients in float64.

A disagreement is decided by the central difference in float64, element by element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from reverie_gradient.coverage import NO_GRADIENT

from conformance.oracles.questions import Asked
from tests.gradient.all_cases import CASES, FAMILIES
from tests.gradient.exact import EXACT
from tests.gradient.gradcheck import STEP, Case, evaluate, reference_gradients

OLD = 17
"""An additional opset for each case, for which onnxruntime-training was written."""
TYPES = {"float64": "double", "float32": "float"}
"""Names of types in numpy, and in ONNX's text."""


@dataclass(frozen=True)
class Examined:
    """A test case and its question."""

    case: Case
    asked: Asked

    @property
    def title(self) -> str:
        """The body of the case on one line."""
        return " ".join(self.case.body.split())

    @property
    def operators(self) -> set[str]:
        """The operators of the case through which the gradient passes."""
        moving, found = set(self.asked.answer), set()
        for node in self.case.model().graph.node:  # in the order of computation
            if moving & set(node.input) and node.op_type not in NO_GRADIENT:
                moving.update(node.output)
                found.add(node.op_type)
        return found


def examined() -> Iterator[Examined]:
    """Yield a question for each case with an input to differentiate by."""
    for family in FAMILIES:
        for index, case in enumerate(family.CASES):
            if case.wrt:
                yield Examined(case, _asked(case, f"{family.__name__.rpartition('.')[2]}-{index:02}"))


def unasked(cases: Iterable[Examined]) -> set[str]:
    """Return the operators with cases of which none has a gradient that central differences can check."""
    named = {node.op_type for case in CASES for node in case.model().graph.node}
    return named - {operator for each in cases for operator in each.operators} - NO_GRADIENT.keys()


def differences(examined: Examined) -> Mapping[str, np.ndarray]:
    """Return the gradients of a question by central differences in float64."""
    asked = examined.asked
    run: Any = ReferenceEvaluator(examined.case.model(), new_ops=EXACT).run
    found = {}
    for wrt in asked.answer:
        slopes = np.zeros(asked.feeds[wrt].shape)
        for place in np.ndindex(slopes.shape):
            step = np.zeros_like(slopes)
            step[place] = STEP
            (ahead,), (behind,) = (run(["Y"], {**asked.feeds, wrt: asked.feeds[wrt] + s}) for s in (step, -step))
            slopes[place] = np.vdot(asked.cotangent, ahead - behind) / (2 * STEP)
        found[wrt] = slopes
    return found


def _asked(case: Case, name: str) -> Asked:
    rng = np.random.default_rng(0)
    feeds = {n: v.astype(np.float32).astype(np.float64) for n, v in case.feeds(rng).items()}
    wrt = [n for n in case.shapes if n in case.wrt]
    (y,) = evaluate(case.model(), ["Y"], feeds)
    cotangent = rng.standard_normal(y.shape).astype(np.float32).astype(np.float64)
    answer = dict(zip(wrt, reference_gradients(case, feeds, wrt, cotangent), strict=True))
    opsets = {case.opset, min(max(OLD, case.opsets[0]), case.opsets[1])}
    models = [(numpy, _model(case, dtype, o, y.shape)) for numpy, dtype in TYPES.items() for o in sorted(opsets)]
    return Asked(name, models, feeds, cotangent, "Y", answer)


def _model(case: Case, dtype: str, opset: int, shape: Sequence[int]) -> onnx.ModelProto:
    """Return the model of a case with all known shapes, including that of its result."""
    model = onnx.shape_inference.infer_shapes(case.model(dtype, opset=opset))
    tensor = model.graph.output[0].type.tensor_type
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("Y", tensor.elem_type, shape))
    return model
