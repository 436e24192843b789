"""The oracle onnxruntime-training, whose last release is 1.19.2.

Its ``GradientGraphBuilder`` differentiates a scalar, so the output is multiplied by the cotangent and summed. It
supports opsets up to 21, but some of its rules were not updated for the newer ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.capi._pybind_state import GradientGraphBuilder

from conformance.oracles.contract import Refused

NEWEST, BEST = 21, 17
IR_VERSION = 10
SEED, WEIGHED, SUM, LOSS = "oracle.cotangent", "oracle.weighed", "oracle.sum", "oracle.loss"

SAVED = {"LayerNormalization": 3, "Dropout": 2}
"""The number of results that its rule for an operator reads; results that the graph omits are given names."""

onnxruntime.set_default_logger_severity(4)


def version() -> str:
    """Return the release."""
    return str(onnxruntime.__version__)


def preference(opset: int) -> int:
    """Prefer the opset for which its rules were written, then the nearest."""
    return -abs(opset - BEST)


def gradient(file: Path, feeds: Mapping[str, np.ndarray], cotangent: np.ndarray, of: str, wrt: str) -> np.ndarray:
    """Return d<of, cotangent> / d wrt."""
    model = onnx.load(file)
    (opset,) = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset > NEWEST:
        raise Refused(f"it knows opsets up to {NEWEST}; this model needs {opset}")
    model.ir_version = min(model.ir_version, IR_VERSION)
    for node in model.graph.node:
        missing = range(len(node.output), SAVED.get(node.op_type, 0))
        node.output.extend(f"{node.output[0]}.saved{i}" for i in missing)
    graph, dtype = model.graph, helper.np_dtype_to_tensor_dtype(cotangent.dtype)
    graph.input.append(helper.make_tensor_value_info(SEED, dtype, cotangent.shape))
    graph.node.append(helper.make_node("Mul", [of, SEED], [WEIGHED]))
    graph.node.append(helper.make_node("ReduceSum", [WEIGHED], [SUM], keepdims=0))
    # It assumes that the loss is float32, whatever the other types are.
    graph.node.append(helper.make_node("Cast", [SUM], [LOSS], to=TensorProto.FLOAT))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(LOSS, TensorProto.FLOAT, []))
    builder = GradientGraphBuilder(model.SerializeToString(), {LOSS}, {wrt}, LOSS)
    try:
        builder.build()
    except Exception as error:  # its exceptions have no specific type
        raise Refused(str(error)) from error
    built = onnx.load_from_string(builder.get_model())
    if f"{wrt}_grad" not in {value.name for value in built.graph.output}:
        raise Refused(f"it builds no gradient by {wrt}")
    session = onnxruntime.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    known = {value.name for value in session.get_inputs()}
    given = {name: array for name, array in {**feeds, SEED: cotangent}.items() if name in known}
    return np.asarray(session.run([f"{wrt}_grad"], given)[0])
