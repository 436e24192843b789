"""The oracle: gradients by central differences, and ways to run the gradients that Reverie builds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator
from reverie_gradient import with_gradient
from reverie_gradient.backward import NEWEST_OPSET, OLDEST_OPSET

from tests.gradient.exact import EXACT

STEP = 1e-6

Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """``body`` computes ``Y`` from ``X`` (and ``B``, ``C``), whose values are drawn from ``low..high``.

    ``wrt`` lists the inputs to differentiate by, ``free`` those whose sizes may be left open, ``opsets`` the first and
    the last opset in which the body means what it says, ``exact_in`` the one in which it takes float64. ``runtime``
    says whether ONNX Runtime has kernels for it.
    """

    body: str
    x: str = "2,3"
    b: str | None = None
    c: str | None = None
    low: float = -2.0
    high: float = 2.0
    wrt: str = "XBC"
    free: str = "XBC"
    opsets: tuple[int, int] = (OLDEST_OPSET, NEWEST_OPSET)
    exact_in: int = 18
    runtime: bool = True

    @property
    def opset(self) -> int:
        return min(max(self.exact_in, self.opsets[0]), self.opsets[1])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        given = {"X": self.x, "B": self.b, "C": self.c}
        return {name: tuple(map(int, s.split(",") if s else ())) for name, s in given.items() if s is not None}

    @property
    def operators(self) -> set[str]:
        return set(re.findall(r"= (\w+)", self.body))

    def model(self, dtype: str = "double", *, symbolic: bool = False, opset: int | None = None) -> onnx.ModelProto:
        inputs = []
        for name, shape in self.shapes.items():
            free = symbolic and name in self.free
            dims = (f"{name.lower()}{i}" if free else str(n) for i, n in enumerate(shape))
            inputs.append(f"{dtype}[{','.join(dims)}] {name}" if shape else f"{dtype} {name}")
        text = f'<ir_version: 8, opset_import: ["": {opset or self.opset}]> g ({", ".join(inputs)}) => ({dtype} Y) '
        model = onnx.parser.parse_model(text + "{ " + re.sub(r"\bT_", dtype, self.body) + " }")
        model.graph.output[0].type.tensor_type.ClearField("shape")  # the parser says scalar; let it be inferred
        return model

    def feeds(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: rng.uniform(self.low, self.high, shape) for name, shape in self.shapes.items()}


def evaluate(model: onnx.ModelProto, names: list[str], feeds: Feeds) -> list[np.ndarray]:
    """Run ``model`` in the reference evaluator of ONNX, in the type of its inputs."""
    outputs: Any = ReferenceEvaluator(model, new_ops=EXACT).run(names, dict(feeds))
    return [np.asarray(output) for output in outputs]


def central_difference(model: onnx.ModelProto, feeds: Feeds, wrt: str, direction: np.ndarray) -> np.ndarray:
    """Return the derivative of ``Y`` along ``direction`` in ``wrt``, with an error of the order of STEP**2."""
    steps = (STEP * direction, -STEP * direction)
    (ahead,), (behind,) = (evaluate(model, ["Y"], {**feeds, wrt: feeds[wrt] + step}) for step in steps)
    slope: np.ndarray = (ahead - behind) / (2 * STEP)
    return slope


def check_vjp(case: Case, wrt: str, rng: np.random.Generator) -> None:
    """Assert that <dx, v> = <dy, J v> for a random direction v, with J v by central differences in float64."""
    feeds = case.feeds(rng)
    direction = rng.standard_normal(feeds[wrt].shape)
    slope = central_difference(case.model(), feeds, wrt, direction)
    dy = rng.standard_normal(slope.shape)
    (dx,) = reference_gradients(case, feeds, [wrt], dy)
    assert dx.shape == feeds[wrt].shape
    np.testing.assert_allclose(np.vdot(dx, direction), np.vdot(dy, slope), rtol=1e-6, atol=1e-8)


def reference_gradients(case: Case, feeds: Feeds, wrt: list[str], dy: np.ndarray) -> list[np.ndarray]:
    """Run the gradients of ``case`` in float64."""
    model = with_gradient(case.model(), of="Y", wrt=wrt)
    return evaluate(model, [f"{name}_gradient" for name in wrt], {**feeds, "Y_cotangent": dy})


def runtime_gradients(model: onnx.ModelProto, feeds: Feeds, wrt: list[str], dy: np.ndarray) -> list[np.ndarray]:
    """Run the gradients of ``model`` in ONNX Runtime and float32."""
    built = with_gradient(model, of="Y", wrt=wrt)
    onnx.checker.check_model(built, full_check=True)
    inputs = {name: value.astype(np.float32) for name, value in {**feeds, "Y_cotangent": dy}.items()}
    outputs = session(built).run([f"{name}_gradient" for name in wrt], inputs)
    return [np.asarray(g) for g in outputs]


def session(model: onnx.ModelProto, **free: int) -> onnxruntime.InferenceSession:
    """Load ``model`` on one thread, with the free dimensions named in ``free`` fixed."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for name, size in free.items():
        options.add_free_dimension_override_by_name(name, size)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
