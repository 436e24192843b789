"""The same graphs in float64, run by ONNX's reference evaluator: an oracle without float32's rounding errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from reverie_ascent.models.repository import Model

Array: TypeAlias = npt.NDArray[Any]
Numbers: TypeAlias = npt.NDArray[np.float64]


class GatherElements(OpRun):
    """A replacement for the reference's operator, which supports at most 64 elements along the axis."""

    op_domain = ""

    def _run(self, data: Array, indices: Array, axis: int) -> tuple[Array]:
        return (np.take_along_axis(data, indices, axis),)


class Exact:
    """A graph whose floats are all float64."""

    def __init__(self, model: ir.Model | onnx.ModelProto, folder: Path | None = None) -> None:
        """``folder`` contains the external weights of the graph."""
        proto = ir.to_proto(model) if isinstance(model, ir.Model) else model
        if folder is not None:
            onnx.load_external_data_for_model(proto, str(folder))
        _widen(proto)
        self.inputs = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in proto.graph.input}
        self._names = [v.name for v in proto.graph.output]
        self._evaluator = ReferenceEvaluator(proto, new_ops=[GatherElements])

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Numbers]:
        """Return all outputs; the inputs may be floats of any width."""
        wide = {name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in feeds.items()}
        outputs: Any = self._evaluator.run(None, wide)
        return dict(zip(self._names, outputs, strict=True))


def activation(model: Model, layer: str, image: Array) -> Numbers:
    """Return the activation of a layer for images, by its exported graph."""
    graph = onnx.load(model.folder / model.layers[layer].file)
    forward = Exact(onnx.utils.Extractor(graph).extract_model(["image"], ["activation"]))
    return forward({"image": image})["activation"]


def _widen(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _widen_tensor(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for tensor in graph.initializer:
        _widen_tensor(tensor)


def _widen_tensor(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
