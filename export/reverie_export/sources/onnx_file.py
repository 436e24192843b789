"""Networks that are ONNX files already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from reverie_export.errors import BadSource
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.sources.conversion import (
    check,
    convert,
    give_back,
    load,
    one_opset,
    set_aside,
    widen,
    widen_nodes,
    write_out,
)
from reverie_export.sources.entry import Entry, channels_first, find_entry, fix, settle_constants
from reverie_export.sources.guard import opset_of, read_model
from reverie_export.sources.preprocessing import Preprocessing
from reverie_export.sources.source import Array, Floats, Normalisation, Probe, Source, digest_of
from reverie_export.sources.value_names import readable_names

STEP = 1e-6  # of the finite difference, in float64: rounding and kinks both stay far below float32's own error


@dataclass(frozen=True)
class Said:
    """What the user says of an .onnx file beyond its preprocessing; None and nothing leave it to the file."""

    layout: str | None = None  # "NCHW" or "NHWC"
    channels: int | None = None
    size_px: int | None = None
    constants: Mapping[str, Sequence[float]] = field(default_factory=dict)


def open_onnx(path: Path, said: Said, preprocessing: Preprocessing) -> Source:
    """Read ``path``; what is said goes before what ``preprocessing`` tells, and that before what the file states.

    Raises BadSource for whatever is wrong with the file, in one sentence.
    """
    proto = read_model(path)
    try:
        return _opened(proto, path, said, preprocessing)
    except BadSource as e:
        raise BadSource(f"cannot read {path}: {e}") from e


def _opened(proto: onnx.ModelProto, path: Path, said: Said, preprocessing: Preprocessing) -> Source:
    opset = opset_of(proto)
    one_opset(proto)
    aside = {name: load(tensor, path.parent) for name, tensor in set_aside(proto).items()}
    widen(proto.graph, path.parent)
    for function in proto.functions:
        widen_nodes(function.node, path.parent)
    check(proto)
    settle_constants(proto.graph, said.constants)
    listed = {value.name for value in proto.graph.input}
    for name in aside.keys() & listed:  # the picture is what is left
        proto.graph.input.remove(next(v for v in proto.graph.input if v.name == name))
    entry = find_entry(
        proto.graph,
        layout=said.layout or preprocessing.layout,
        channels=said.channels,
        size=said.size_px or preprocessing.size_px,
    )
    fix(proto.graph, entry)
    for name, array in aside.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))

    written = write_out(proto)
    original, graph = ir.from_proto(written), ir.from_proto(convert(written))
    for model in (original, graph):
        give_back(model, aside)
        _drop_listed_weights(model.graph)
    tensors = {n: v.const_value.numpy() for n, v in original.graph.initializers.items() if v.const_value is not None}
    if entry.layout == "NHWC":
        channels_first(graph.graph, entry)
    notes = [f"opset {opset}", f"input {entry.name!r} {entry.stated}, taken as {entry.layout}"]
    return Source(
        model=path.name,
        weights=path.name,
        weights_digest=digest_of(tensors),
        description=preprocessing.description or proto.doc_string.strip()[:2000],
        graph=graph,
        names=readable_names(graph.graph),
        normalisation=preprocessing.normalisation(entry.channels),
        labels=preprocessing.labels,
        native_size_px=entry.size_px,
        versions={},
        reference=OnnxReference("finite differences", original.graph, entry),
        notes=(*notes, f"preprocessing from {preprocessing.origin}"),
    )


def _drop_listed_weights(graph: ir.Graph) -> None:
    for value in [*graph.inputs]:
        if value.name in graph.initializers:  # ir_version 3 lists weights among the inputs
            graph.inputs.remove(value)


@dataclass(frozen=True)
class OnnxReference:
    """The file's own graph, before any of our changes but that of its precision, in float64."""

    description: str
    graph: ir.Graph
    entry: Entry

    def probe(self, picture: Floats, normalisation: Normalisation, values: Sequence[str]) -> Probe:
        """Evaluate the graph on ``picture`` [1, C, H, W] and a small step to both sides of it."""
        direction = np.random.default_rng(0).standard_normal(picture.shape)

        def run(at: Floats) -> Mapping[str, Floats]:
            seen = normalisation.apply(at)
            feeds = {self.entry.name: seen if self.entry.layout == "NCHW" else seen.transpose(0, 2, 3, 1)}
            found: dict[str, Array] = {}
            try:
                found = evaluate(self.graph, feeds, values)
            except CannotEvaluate:  # a later layer does not take this size; earlier ones may
                for value in values:
                    try:
                        found |= evaluate(_cut(self.graph, value), feeds, [value])
                    except (CannotEvaluate, ValueError):
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
