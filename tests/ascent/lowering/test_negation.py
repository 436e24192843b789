"""Only a normalisation by -1 becomes a negation."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.lowering.lower import lower
from reverie_ascent.lowering.negation import WriteNegations
from reverie_ascent.plan import shipped
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.session import Device
from reverie_gradient import with_gradient

from tests.ascent.lowering.rewriting import both, error, noise, run

NEGATION = {"scale": -1, "shift": 0, "mean": 0, "variance": 1}
GPU = Device("cuda", (CUDA.provider,), 1, plan=shipped("cuda"))
POOLED = fragment(
    "g (float[1, 4, 6, 6] X) => (float[1, 4, 3, 3] Y)",
    "c = Conv (X, w) r = Relu(c) Y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)",
    {"w": np.random.default_rng(0).standard_normal((4, 4, 1, 1)).astype(np.float32)},
)


@pytest.mark.parametrize(
    ("change", "epsilon", "expected"),
    [
        ({}, 0.0, "Neg"),
        ({}, 1e-5, "BatchNormalization"),
        *(({name: 2}, 0.0, "BatchNormalization") for name in NEGATION),
    ],
)
def test_only_a_normalisation_by_minus_one_is_a_negation(change: dict[str, int], epsilon: float, expected: str) -> None:
    constants = {name: np.full(3, v, np.float32) for name, v in (NEGATION | change).items()}
    apart, model = both(
        "g (float[1, 3, 2, 2] X) => (float[1, 3, 2, 2] Y)",
        f"n = BatchNormalization <epsilon = {epsilon}> (X, scale, shift, mean, variance) Y = Relu(n)",
        constants,
        WriteNegations(),
    )
    assert apart <= 1e-6
    assert [node.op_type for node in model.graph] == [expected, "Relu"]


def gradient() -> ir.Model:
    return ir.from_proto(with_gradient(ir.to_proto(POOLED), of="Y", wrt="X"))


def test_a_gpu_masks_maxima_without_a_normalisation() -> None:
    plain, prepared = gradient(), gradient()
    assert "BatchNormalization" in [node.op_type for node in plain.graph]
    lower(prepared, GPU)
    assert "BatchNormalization" not in [node.op_type for node in prepared.graph]
    feeds = noise(plain)
    expected, got = run(plain, feeds), run(prepared, feeds)
    assert max(error(got[name], expected[name]) for name in expected) == 0
