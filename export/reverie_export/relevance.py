"""Reasons why a value is not a layer: it does not depend on the picture, or its size cannot be worked out."""

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


def refuse_independent(source: Source, wanted: Sequence[str]) -> None:
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


def first_without_size(graph: ir.Graph) -> str:
    """Return the end of a sentence about the first operator whose size cannot be worked out, if there is one."""
    shapes = _shapes(graph)
    for node in graph:
        if not _sized(node, shapes):
            return f"; the size of {node.op_type} {(node.name or node.outputs[0].name)!r} cannot be worked out"
    return ""


def without_size(graph: ir.Graph, names: Names) -> dict[str, ir.Node]:
    """Return, by name, the nodes that would be layers if their sizes could be worked out."""
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
    """Return the shapes of all values for one picture of the size that the graph was traced with."""
    stated = graph.inputs[0].shape
    assert stated is not None
    return Geometry(graph).shapes(1, *map(int, stated.numpy()[2:]))
