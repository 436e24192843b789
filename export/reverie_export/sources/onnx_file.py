"""Networks that are ONNX files already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError
from onnx import version_converter
from onnx_ir.passes import common

from reverie_export.errors import BadSource, nearest
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.normalise import OPSET
from reverie_export.sources.source import Array, Floats, Normalisation, Probe, Source, digest_of

NATIVE_PX = 224  # where neither the file nor the user says
STEP = 1e-6  # of the finite difference, in float64: rounding and kinks both stay far below float32's own error


def open_onnx(path: Path, size: int | None) -> Source:
    """Read ``path``; ``size`` is the side of the pictures that it is made for, if it does not say."""
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*.onnx")] if path.parent.is_dir() else []
        raise BadSource(f"no file {path}{nearest(path.name, siblings)}")
    try:
        proto = onnx.load(path)
        onnx.checker.check_model(proto)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as e:
        raise BadSource(f"cannot read {path}: it is truncated or not valid ONNX: {str(e).strip()[:300]}") from e
    opset = next((i.version for i in proto.opset_import if i.domain in ("", "ai.onnx")), 0)
    native = _fix_input(proto, path, size)

    original = ir.from_proto(proto)
    common.InlinePass()(original)
    try:
        converted = proto if opset == OPSET else version_converter.convert_version(proto, OPSET)
    except RuntimeError as e:
        raise BadSource(f"cannot convert {path} from opset {opset} to {OPSET}: {str(e).strip()[:300]}") from e
    graph = ir.from_proto(converted)
    tensors = {n: v.const_value.numpy() for n, v in graph.graph.initializers.items() if v.const_value is not None}
    return Source(
        model=path.name,
        weights=path.name,
        weights_digest=digest_of(tensors),
        description=proto.doc_string.strip(),
        graph=graph,
        names={},
        normalisation=Normalisation(),
        labels=(),
        native_size_px=native,
        versions={},
        reference=OnnxReference("finite differences", original.graph),
    )


def _fix_input(proto: onnx.ModelProto, path: Path, size: int | None) -> int:
    """Say that the input is one picture of one size, so that everything that follows from it is constant."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    shapes = {v.name: [d.dim_value or d.dim_param or "?" for d in v.type.tensor_type.shape.dim] for v in inputs}
    if len(inputs) != 1 or len(shapes[inputs[0].name]) != 4:
        raise BadSource(f"{path} must have one input, a picture [N, 3, H, W]; it has {shapes}")
    (tensor,) = (value.type.tensor_type for value in inputs)
    dims = tensor.shape.dim
    if tensor.elem_type != onnx.TensorProto.FLOAT or (dims[1].dim_value or 3) != 3:
        raise BadSource(f"{path}: the input must be float32 [N, 3, H, W]; it is {shapes[inputs[0].name]}")
    native = size or dims[2].dim_value or dims[3].dim_value or NATIVE_PX
    for dim, n in zip(dims, (1, 3, native, native), strict=True):
        dim.dim_value = n
    del proto.graph.value_info[:]  # shapes of other pictures
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    return native


@dataclass(frozen=True)
class OnnxReference:
    """The file's own graph, before any of our changes, in float64."""

    description: str
    graph: ir.Graph

    def probe(self, picture: Floats, normalisation: Normalisation, values: Sequence[str]) -> Probe:
        """Evaluate the graph on ``picture`` [1, 3, H, W] and a small step to both sides of it."""
        direction = np.random.default_rng(0).standard_normal(picture.shape)

        def run(at: Floats) -> Mapping[str, Floats]:
            entry = self.graph.inputs[0].name or ""
            feeds = {entry: normalisation.apply(at)}
            found: dict[str, Array] = {}
            try:
                found = evaluate(self.graph, feeds, values)
            except CannotEvaluate:  # a later layer does not take this size; earlier ones may
                for value in values:
                    try:
                        found |= evaluate(_cut(self.graph, value), feeds, [value])
                    except CannotEvaluate:
                        continue
            return found

        return OnnxProbe(run(picture), run(picture + STEP * direction), run(picture - STEP * direction), direction)


def _cut(graph: ir.Graph, value: str) -> ir.Graph:
    return ir.convenience.extract(graph, [graph.inputs[0]], [value])


@dataclass(frozen=True)
class OnnxProbe:
    """The values at a picture, and a step away from it along a random direction and against it."""

    values: Mapping[str, Floats]
    ahead: Mapping[str, Floats]
    behind: Mapping[str, Floats]
    direction: Floats

    def activation(self, value: str) -> Floats:
        """The value of that name; raises ``KeyError`` if the network does not reach it at this size."""
        return self.values[value]

    def gradient_distance(self, cotangents: Mapping[str, Floats], gradient: Floats) -> float:
        """How far <gradient, direction> is from the central difference of the sum of all <value, cotangent>.

        The direction has independent normal components, so this estimates the L2 distance of the gradients.
        """
        change = sum(float(np.vdot(self.ahead[v] - self.behind[v], c)) for v, c in cotangents.items())
        return abs(float(np.vdot(gradient, self.direction)) - change / (2 * STEP))
