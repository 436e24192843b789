"""What a node depends on."""

from __future__ import annotations

import onnx_ir as ir


def inputs_of(node: ir.Node) -> list[ir.Value]:
    """Return the values that ``node`` reads: its inputs, and what the bodies of an If, Loop or Scan read from outside.

    Values of the bodies themselves are among them.
    """
    inner = [value for graph in bodies(node) for each in graph.all_nodes() for value in each.inputs]
    inner += [value for graph in bodies(node) for value in graph.outputs]
    return [value for value in (*node.inputs, *inner) if value is not None]


def bodies(node: ir.Node) -> list[ir.Graph]:
    """Return the graphs that ``node`` holds: the branches of an If, the body of a Loop or Scan."""
    found = []
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            found.append(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            found += attribute.as_graphs()
    return found
