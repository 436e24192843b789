"""Joins fragments to one graph, connected by wires."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir
from onnx_ir.passes.common import CommonSubexpressionEliminationPass
from reverie_gradient import Builder

from reverie_ascent.graph.fragment import IR_VERSION, OPSET


def stitch(fragments: Mapping[str, ir.Model], wires: Mapping[str, str], outputs: Mapping[str, str]) -> ir.Model:
    """Return one graph of all ``fragments``, which must not be used afterwards.

    ``wires`` maps "fragment.input" to its source: "fragment.output", or the name of an input of the result. An input
    without a wire becomes an input of the result under that name. ``outputs`` maps outputs of the result to sources.
    """
    program = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="step")
    builder = Builder(program)
    sinks: dict[str, ir.Value] = {}
    sources: dict[str, ir.Value] = {}
    for name, fragment in fragments.items():
        sinks.update({f"{name}.{value.name}": value for value in fragment.graph.inputs})
        sources.update({f"{name}.{value.name}": value for value in fragment.graph.outputs})
        builder.scope = name
        builder.splice(fragment.graph)

    for port, sink in sinks.items():
        wire = wires.get(port, port)
        if wire not in sources:
            assert wire == port or "." not in wire, f"no fragment has {wire}"
            sources[wire] = ir.Value(name=wire, shape=sink.shape, type=sink.type)
            program.inputs.append(sources[wire])
        ir.convenience.replace_all_uses_with(sink, sources[wire])
    for name, port in outputs.items():
        sources[port].name = name
        program.outputs.append(sources[port])
    program.sort()
    return ir.Model(program, ir_version=IR_VERSION, producer_name="reverie")


def share(model: ir.Model) -> None:
    """Remove the nodes that several networks of the same picture have in common, except one of each."""
    CommonSubexpressionEliminationPass()(model)
