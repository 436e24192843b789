"""The bfloat16 pass converts convolutions and matrix products, and nothing that has to be exact."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.lowering.bfloat16 import OPSET, RoundOperands
from reverie_ascent.lowering.lower import lower
from reverie_ascent.plan import shipped
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.session import Device
from reverie_gradient import with_gradient

from tests.ascent.lowering.rewriting import error, noise

GPU = Device("cuda", (CUDA.provider,), 1, bfloat16=True, plan=shipped("cuda"))


def network() -> ir.Model:
    """Two convolutions, a pool and a fully connected layer, with their gradient."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((8, 3, 3, 3)) / 5,
        "v": rng.standard_normal((8, 8, 3, 3)) / 8,
        "f": rng.standard_normal((4, 128)) / 11,
        "b": rng.standard_normal(8),
    }
    forward = fragment(
        "g (float[1, 3, 8, 8] X) => (float[1, 4] Y)",
        """
        a = Conv <pads = [1, 1, 1, 1]> (X, w, b) r = Relu(a)
        p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
        c = Conv <pads = [1, 1, 1, 1]> (p, v) t = Flatten(c) Y = Gemm <transB = 1> (t, f)
        """,
        {name: array.astype(np.float32) for name, array in weights.items()},
    )
    return ir.from_proto(with_gradient(ir.to_proto(forward), of="Y", wrt="X"))


def run(model: ir.Model) -> dict[str, np.ndarray]:
    """Run by ONNX's reference evaluator, because ONNX Runtime's CPU has no convolutions in bfloat16."""
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    names = [str(v.name) for v in model.graph.outputs]
    with np.errstate(over="ignore"):  # masks overflow to 1
        return dict(zip(names, ReferenceEvaluator(proto).run(None, noise(model)), strict=True))


def test_the_function_is_kept_to_the_precision_of_bfloat16() -> None:
    plain, halved = network(), network()
    RoundOperands()(halved)
    expected, got = run(plain), run(halved)
    assert list(got) == list(expected)
    for name in expected:
        assert got[name].dtype == np.float32
        assert 1e-4 < error(got[name], expected[name]) < 3e-2


def test_convolutions_and_matrices_are_in_bfloat16_and_nothing_else() -> None:
    model = network()
    RoundOperands()(model)
    for node in model.graph:
        narrow = [v.dtype == ir.DataType.BFLOAT16 for v in node.outputs]
        if node.op_type == "Cast":
            assert narrow != [any(v is not None and v.dtype == ir.DataType.BFLOAT16 for v in node.inputs)]
        else:
            assert narrow == [node.op_type in ("Conv", "Gemm")]


def test_a_value_is_rounded_once_for_all_its_readers() -> None:
    w = np.ones((3, 3, 1, 1), np.float32)
    model = fragment(
        "g (float[1, 3, 2, 2] X) => (float[1, 3, 2, 2] Y)", "a = Conv(X, w) b = Conv(X, w) Y = Add(a, b)", {"w": w}
    )
    RoundOperands()(model)
    assert [node.op_type for node in model.graph].count("Cast") == 4  # X, w, and both results


def test_a_gpu_uses_bfloat16_on_request() -> None:
    asked, plain = network(), network()
    lower(asked, GPU)
    lower(plain, dataclasses.replace(GPU, bfloat16=False))
    assert asked.graph.opset_imports[""] == OPSET
    assert "Cast" not in [node.op_type for node in plain.graph]
