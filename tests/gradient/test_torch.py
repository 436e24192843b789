"""Every rule's gradients in float64, against torch's autograd, where torch has the operator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

from conformance.oracles import torch_autograd
from conformance.oracles.contract import Refused
from conformance.oracles.operators import Examined, examined


@pytest.mark.parametrize("case", list(examined()), ids=lambda case: case.asked.name)
def test_rule_agrees_with_torch(case: Examined, tmp_path: Path) -> None:
    asked = case.asked
    model = max((m for dtype, m in asked.models if dtype == "float64"), key=lambda m: m.opset_import[0].version)
    onnx.save(model, tmp_path / "model.onnx")
    for wrt, dx in asked.answer.items():
        try:
            found = torch_autograd.gradient(tmp_path / "model.onnx", asked.feeds, asked.cotangent, asked.of, wrt)
        except Refused as error:
            pytest.skip(str(error))
        assert found.shape == dx.shape
        assert np.linalg.norm(found - dx) <= 1e-7 * np.linalg.norm(dx)  # some constants are float32 ones
