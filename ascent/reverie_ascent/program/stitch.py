"""Joins pieces to one graph, as the wires say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import onnx_ir as ir
from onnx_ir.passes.common import CommonSubexpressionEliminationPass

from reverie_ascent.graph.fragment import IR_VERSION, OPSET

Constants: TypeAlias = "dict[object, ir.Value]"


def stitch(pieces: Mapping[str, ir.Model], wires: Mapping[str, str], outputs: Mapping[str, str]) -> ir.Model:
    """Return one graph of all ``pieces``, which are used up.

    ``wires`` leads from "piece.output", or from the name of an input of the whole, to "piece.input", its key; an input
    without a wire becomes an input of the whole under that name. ``outputs`` names the outputs of the whole.
    """
    program = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="step")
    sinks: dict[str, ir.Value] = {}
    sources: dict[str, ir.Value] = {}
    constants: Constants = {}
    for name, piece in pieces.items():
        _move(piece.graph, name, program, sinks, sources, constants)

    for port, sink in sinks.items():
        wire = wires.get(port, port)
        if wire not in sources:
            assert wire == port or "." not in wire, f"no piece has {wire}"
            sources[wire] = ir.Value(name=wire, shape=sink.shape, type=sink.type)
            program.inputs.append(sources[wire])
        ir.convenience.replace_all_uses_with(sink, sources[wire])
    for name, port in outputs.items():
        sources[port].name = name
        program.outputs.append(sources[port])
    program.sort()
    return ir.Model(program, ir_version=IR_VERSION, producer_name="reverie")


def share(model: ir.Model) -> None:
    """Compute once what networks that look at the same picture have in common."""
    CommonSubexpressionEliminationPass()(model)


def _move(
    graph: ir.Graph,
    name: str,
    program: ir.Graph,
    sinks: dict[str, ir.Value],
    sources: dict[str, ir.Value],
    constants: Constants,
) -> None:
    sinks.update({f"{name}.{value.name}": value for value in graph.inputs})
    sources.update({f"{name}.{value.name}": value for value in graph.outputs})
    graph.inputs.clear()
    graph.outputs.clear()
    for value in list(graph.initializers.values()):
        assert value.name is not None
        graph.initializers.pop(value.name)
        identity = _identity(value.const_value)
        if identity in constants:
            ir.convenience.replace_all_uses_with(value, constants[identity])
            continue
        constants[identity] = value
        value.name = f"{name}/{value.name}"
        program.register_initializer(value)
    nodes = list(graph)
    graph.remove(nodes)
    for node in nodes:
        node.name = f"{name}/{node.name or node.outputs[0].name}"
        for value in node.outputs:
            value.name = f"{name}/{value.name}"
    program.extend(nodes)


def _identity(tensor: ir.TensorProtocol | None) -> object:
    """Return what is equal for equal constants: the place of a weight in its file, or else the contents."""
    assert tensor is not None
    shape = tuple(tensor.shape.numpy())
    if isinstance(tensor, ir.ExternalTensor):
        return tensor.location, tensor.offset, tensor.dtype, shape
    return tensor.dtype, shape, tensor.tobytes()
