"""Our own float64 operators compute what ONNX Runtime does, where the standard leaves details open."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gradient.cases import deforming, regions
from tests.gradient.gradcheck import Case, evaluate, session


@pytest.mark.parametrize("case", [*deforming.CASES, *regions.CASES], ids=lambda case: f"{case.body} {case.opset}")
def test_an_operator_is_that_of_onnxruntime(case: Case) -> None:
    feeds = {n: v.astype(np.float32) for n, v in case.feeds(np.random.default_rng(0)).items()}
    (expected,) = evaluate(case.model(), ["Y"], {n: v.astype(np.float64) for n, v in feeds.items()})
    (found,) = session(case.model("float")).run(["Y"], feeds)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)
