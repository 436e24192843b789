"""The source ``file.onnx``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_export.errors import BadSource
from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.folding import resolve_control_flow
from reverie_export.sources.constants import Given, apply_constants
from reverie_export.sources.conversion import (
    attach_weights,
    check,
    convert,
    detach_weights,
    drop_maps,
    inline_definitions,
    load,
    nodes_to_float32,
    one_opset,
    to_float32,
)
from reverie_export.sources.entry import Entry, channels_first, find_entry, fix_shape
from reverie_export.sources.guard import opset_of, read_model
from reverie_export.sources.module_names import module_names
from reverie_export.sources.preprocessing import Preprocessing
from reverie_export.sources.scopes import scoped_nodes
from reverie_export.sources.source import Array, Floats, Normalisation, Probe, Source, digest_of
from reverie_export.sources.value_names import readable_names

STEP = 1e-6  # of the finite difference, in float64: rounding and kinks both stay far below float32's own error


@dataclass(frozen=True)
class FileOptions:
    """The user's options for an .onnx file besides its preprocessing; None and empty mean the file's own."""

    layout: str | None = None  # "NCHW" or "NHWC"
    channels: int | None = None
    size: Size | None = None
    constants: Mapping[str, Given] = field(default_factory=dict)


def open_onnx(path: Path, options: FileOptions, preprocessing: Preprocessing) -> Source:
    """Read ``path``; options take precedence over ``preprocessing``, and that over what the file states.

    Raises BadSource, with one sentence, if anything is wrong with the file.
    """
    proto = read_model(path)
    try:
        return _opened(proto, path, options, preprocessing)
    except BadSource as e:
        raise BadSource(f"cannot read {path}: {e}") from e


def _opened(proto: onnx.ModelProto, path: Path, options: FileOptions, preprocessing: Preprocessing) -> Source:
    opset, modules = opset_of(proto), _module_names(proto.graph)
    one_opset(proto)
    aside = {name: load(tensor, path.parent) for name, tensor in detach_weights(proto).items()}
    to_float32(proto.graph, path.parent)
    for function in proto.functions:
        nodes_to_float32(function.node, path.parent)
    check(proto)
    drop_maps(proto)
    apply_constants(proto.graph, options.constants)
    listed = {value.name for value in proto.graph.input}
    for name in aside.keys() & listed:  # the picture is the one that remains
        proto.graph.input.remove(next(v for v in proto.graph.input if v.name == name))
    entry = find_entry(
        proto.graph,
        layout=options.layout or preprocessing.layout,
        channels=options.channels,
        size=options.size or preprocessing.size,
    )
    fix_shape(proto.graph, entry)
    for name, array in aside.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))

    written = inline_definitions(proto)
    original, graph = ir.from_proto(written), ir.from_proto(convert(written))
    for model in (original, graph):
        attach_weights(model, aside)
        _drop_listed_weights(model.graph)
    resolve_control_flow(original)  # the evaluation follows neither branches nor sequences
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
        names=readable_names(graph.graph, modules),
        normalisation=preprocessing.normalisation(entry.channels),
        labels=preprocessing.labels,
        native_size=entry.size,
        versions={},
        reference=OnnxReference("finite differences", original.graph, entry),
        notes=(*notes, f"preprocessing from {preprocessing.origin}"),
    )


def _module_names(graph: onnx.GraphProto) -> Mapping[str, Sequence[str]]:
    """Return the names of values after the modules that compute them, where the exporter says which those are."""
    weights, outputs = (tensor.name for tensor in graph.initializer), (value.name for value in graph.output)
    return module_names(scoped_nodes(graph), weights, outputs)


def _drop_listed_weights(graph: ir.Graph) -> None:
    for value in [*graph.inputs]:
        if value.name in graph.initializers:  # ir_version 3 lists weights among the inputs
            graph.inputs.remove(value)


@dataclass(frozen=True)
class OnnxReference:
    """The file's own graph, unchanged except for its precision, evaluated in float64."""

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
    """The values at a picture, and at a small step from it in a random direction and in the opposite one."""

    values: Mapping[str, Floats]
    ahead: Mapping[str, Floats]
    behind: Mapping[str, Floats]
    direction: Floats

    def activation(self, value: str) -> Floats:
        """Return the value of that name; raises ``KeyError`` if the network cannot compute it at this size."""
        return self.values[value]

    def gradient_distance(self, cotangents: Mapping[str, Floats], gradient: Floats) -> float:
        """Return how far <gradient, direction> is from the central difference of the sum of all <value, cotangent>.

        The direction has independent normal components, so this estimates the L2 distance of the gradients.
        """
        change = sum(float(np.vdot(self.ahead[v] - self.behind[v], c)) for v, c in cotangents.items())
        return abs(float(np.vdot(gradient, self.direction)) - change / (2 * STEP))
