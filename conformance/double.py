"""Computes a graph in float64 with ONNX's reference evaluator; no runtime has all operators in that type."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from conformance.task import Arrays, Task

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


class Erf(OpRun):
    """Erf in float64; that of the reference evaluator returns float32."""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


class GatherElements(OpRun):
    """GatherElements of any size; that of the reference evaluator fails on an axis of more than 64 elements."""

    def _run(self, data: np.ndarray, indices: np.ndarray, axis: int | None = None) -> tuple[np.ndarray]:
        return (np.take_along_axis(data, indices, axis or 0),)


def exact(task: Task) -> Arrays:
    """Return the outputs of a task, computed in float64 by ONNX's reference evaluator."""
    model = onnx.ModelProto()
    model.CopyFrom(task.model)
    if task.weights is not None:
        onnx.load_external_data_for_model(model, str(task.weights.parent))
    _double(model)
    feeds = {n: a.astype(np.float64) if a.dtype == np.float32 else a for n, a in task.feeds.items()}
    outputs: Any = ReferenceEvaluator(model, new_ops=[Erf, GatherElements]).run(list(task.outputs), feeds)
    found = {name: np.asarray(array) for name, array in zip(task.outputs, outputs, strict=True)}
    assert {array.dtype for array in found.values()} == {np.dtype(np.float64)}
    return found


def _double(model: onnx.ModelProto) -> None:
    """Convert every float32 of a model to float64."""
    graph = model.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == FLOAT:
            value.type.tensor_type.elem_type = DOUBLE
    for tensor in (*graph.initializer, *_constants(graph)):
        if tensor.data_type == FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == FLOAT:
                attribute.i = DOUBLE


def _constants(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    for node in graph.node:
        yield from (a.t for a in node.attribute if a.HasField("t"))
