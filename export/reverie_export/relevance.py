"""Why a value is no layer: the picture does not reach it, or its size cannot be worked out."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from reverie_export.errors import UnknownLayer
from reverie_export.geometry import Geometry
from reverie_export.sources.source import Source


def refuse_unreached(source: Source, wanted: Sequence[str]) -> None:
    """Raise UnknownLayer for a name in ``wanted`` that stands for a value which does not depend on the picture."""
    graph = source.graph.graph
    reached = {graph.inputs[0]}
    for node in graph:
        if not reached.isdisjoint(v for v in node.inputs if v is not None) or node.graph is not graph:
            reached.update(node.outputs)
    values = [value for node in graph for value in node.outputs if value not in reached]
    names = {name for v in values for name in (v.name or "", *source.names.get(v.name or "", ()))}
    names |= set(graph.initializers)
    for name in wanted:
        if name in names:
            raise UnknownLayer(f"{name!r} does not depend on the picture, so nothing can be asked of it")


def without_sizes(graph: ir.Graph) -> str:
    """The end of a sentence: the first operator whose size cannot be worked out, if there is any."""
    shapes = Geometry(graph).shapes(1, *_native(graph))
    for node in graph:
        if any(v.name not in shapes and (v.shape is None or not v.shape.is_static()) for v in node.outputs if v.name):
            return f"; the size of {node.op_type} {(node.name or node.outputs[0].name)!r} cannot be worked out"
    return ""


def _native(graph: ir.Graph) -> tuple[int, int]:
    shape = graph.inputs[0].shape
    assert shape is not None
    return int(shape.numpy()[2]), int(shape.numpy()[3])
