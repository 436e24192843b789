"""Why a value is no layer: the picture does not reach it, or its size cannot be worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from reverie_export.errors import UnknownLayer
from reverie_export.geometry import Geometry
from reverie_export.layers import ACTIVATIONS, LINEAR, POOLS
from reverie_export.normalise import Names
from reverie_export.shape_rules import Shape
from reverie_export.sources.source import Source

NO_SIZE = "its size cannot be worked out"


def refuse_unreached(source: Source, wanted: Sequence[str]) -> None:
    """Raise UnknownLayer for a name in ``wanted`` that stands for a value which does not depend on the picture."""
    graph = source.graph.graph
    reached = {graph.inputs[0]}
    for node in graph:
        if not reached.isdisjoint(v for v in node.inputs if v is not None):
            reached.update(node.outputs)
    values = [value for node in graph for value in node.outputs if value not in reached]
    names = {name for v in values for name in (v.name or "", *source.names.get(v.name or "", ()))}
    names |= set(graph.initializers)
    for name in wanted:
        if name in names:
            raise UnknownLayer(f"{name!r} does not depend on the picture, so nothing can be asked of it")


def without_sizes(graph: ir.Graph) -> str:
    """The end of a sentence: the first operator whose size cannot be worked out, if there is any."""
    shapes = _shapes(graph)
    for node in graph:
        if not _sized(node, shapes):
            return f"; the size of {node.op_type} {(node.name or node.outputs[0].name)!r} cannot be worked out"
    return ""


def unsized(graph: ir.Graph, names: Names) -> dict[str, ir.Node]:
    """By name, what would be layers if their sizes could be worked out: what lies behind operators nobody knows."""
    shapes = _shapes(graph)
    reached, found = {graph.inputs[0]}, {}
    for node in graph:
        if reached.isdisjoint(v for v in node.inputs if v is not None):
            continue
        reached.update(node.outputs)
        value = node.outputs[0].name or ""
        if node.op_type in LINEAR | ACTIVATIONS | POOLS and not _sized(node, shapes):
            found[(names.get(value) or (value,))[0]] = node
    return found


def _sized(node: ir.Node, shapes: Mapping[str, Shape]) -> bool:
    return all(v.name in shapes or (v.shape is not None and v.shape.is_static()) for v in node.outputs if v.name)


def _shapes(graph: ir.Graph) -> dict[str, Shape]:
    """The shapes of all values for one picture of the size that the graph was prepared for."""
    stated = graph.inputs[0].shape
    assert stated is not None
    return Geometry(graph).shapes(1, *map(int, stated.numpy()[2:]))
