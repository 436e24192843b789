"""Lucid's redirected gradient, which activates target units whose activation function is closed everywhere.

Such a unit has no gradient, so the picture would stay grey. In the first steps Lucid (misc/redirected_relu_grad.py)
therefore passes the part of the gradient that opens the unit. With g the gradient towards a larger objective and x the
input of a ReLU,

    plain       g if x > 0, else 0
    redirected  g if x > 0 or g > 0, else 0: a gradient that lowers a negative x stays blocked

An element gets the redirected gradient only if its whole plain gradient is zero, and only while its ``redirect`` is 1.
The same holds for a Clip, such as ReLU6, which is also closed above its upper bound: there a gradient that lowers x is
passed.

A layer is rectified if all ways back from its activation reach such an activation function through operators that only
pool, join or rearrange, so the ReLU itself, a pooling after it, and the concatenation of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir
from reverie_gradient import Builder

from reverie_ascent.graph.shapes import infer

STEPS = 16  # the number of steps that redirect, as in Lucid
STEEP = 3e38  # a HardSigmoid with this slope is 1 for positive numbers and 0 for others

# Operators that pool, join or rearrange: a gradient passes them unless it is blocked before.
PASSING = frozenset(
    """AveragePool Concat DepthToSpace Dropout Flatten Gather GlobalAveragePool GlobalLpPool GlobalMaxPool Identity
    LpPool MaxPool Pad ReduceMax ReduceMean ReduceSum Reshape Resize Slice SpaceToDepth Split Squeeze Transpose
    Unsqueeze""".split()  # noqa: SIM905 - as a table
)


@dataclass(frozen=True)
class Gate:
    """The node of the backward pass where a closed activation function blocks a gradient."""

    node: ir.Node  # computes the plain gradient: a product with a mask, or a Where
    gradient: ir.Value  # before it is masked
    condition: ir.Value  # the mask, 1 or true where the gradient passes
    function: ir.Node


def redirect(model: ir.Model) -> bool:
    """Redirect the gradient of a layer's graph whose inputs have fixed sizes; return whether the layer is rectified.

    If it is, the graph has the input redirect [N] and the output awake [N] besides: the sum of the plain gradient's
    magnitudes, which is 0 for an element whose units are all closed. Otherwise it is unchanged.
    """
    graph = model.graph
    inputs = {value.name: value for value in graph.inputs}
    (activation,) = (value for value in graph.outputs if value.name == "activation")
    backward = _depending(graph, inputs["cotangent"])
    functions = _rectifiers(activation)
    gates = [gate for function in functions if (gate := _gate(function, backward)) is not None]
    if not gates or len(gates) < len(functions):
        return False
    infer(model)
    image = inputs["image"].shape
    assert image is not None
    w = Builder(graph, "redirect")
    one = w.floats([1.0])
    switch = ir.Value(name="redirect", shape=ir.Shape([image[0]]), type=ir.TensorType(ir.DataType.FLOAT))
    plains = [gate.node.outputs[0] for gate in gates]
    sums = [w.op("ReduceL1", [x, w.integers(*range(1, _rank(x)))], keepdims=0) for x in plains]
    awake = w.op("Sum", sums, name="awake")
    awake.shape, awake.type = switch.shape, switch.type
    some = w.op("HardSigmoid", [awake], alpha=STEEP, beta=0.0)
    asleep = w.op("Mul", [w.op("Sub", [one, some]), switch])
    for gate, plain in zip(gates, plains, strict=True):
        column = w.reshape(asleep, -1, *[1] * (_rank(plain) - 1))
        held = w.op("Mul", [column, _opening(w, gate, one)])
        total = w.op("Add", [plain, held], like=plain)
        for user, index in list(plain.uses()):
            user.replace_input_with(index, total)
        # Only these two read the plain gradient.
        total.producer().replace_input_with(0, plain)  # type: ignore[union-attr]
        sums[plains.index(plain)].producer().replace_input_with(0, plain)  # type: ignore[union-attr]
    w.append()
    graph.inputs.append(switch)
    graph.outputs.append(awake)
    graph.sort()
    return True


def _rectifiers(activation: ir.Value) -> list[ir.Node]:
    """Return the activation functions that all ways back from ``activation`` reach, empty if there is another way.

    It is empty, too, if one function comes before another, because whether the earlier one is awake would depend on the
    redirected gradient of the later one.
    """
    found: dict[ir.Node, None] = {}
    ways, seen = [activation], set[ir.Value]()
    while ways:
        value = ways.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.producer()
        if node is not None and node.op_type in GATES:
            found[node] = None
        elif node is not None and node.op_type in PASSING:
            ways += [v for v in node.inputs[: None if node.op_type == "Concat" else 1] if v is not None]
        elif not value.is_initializer() and (node is None or node.op_type != "Constant"):
            return []
    earlier = {v.producer() for node in found for v in _ancestors(node)}
    return [] if earlier & found.keys() else list(found)


def _ancestors(node: ir.Node) -> set[ir.Value]:
    """Return all values that a node depends on."""
    found: set[ir.Value] = set()
    ways = [v for v in node.inputs if v is not None]
    while ways:
        value = ways.pop()
        if value not in found:
            found.add(value)
            producer = value.producer()
            ways += [v for v in producer.inputs if v is not None] if producer is not None else []
    return found


def _depending(graph: ir.Graph, source: ir.Value) -> set[ir.Value]:
    """Return the values of a sorted graph that depend on ``source``."""
    found = {source}
    for node in graph:
        if not found.isdisjoint(v for v in node.inputs if v is not None):
            found.update(node.outputs)
    return found


def _gate(function: ir.Node, backward: set[ir.Value]) -> Gate | None:
    """Return where the backward pass masks the gradient of an activation function, None if that is not found."""
    found = []
    for condition in GATES[function.op_type](function):
        for node in condition.consumers():
            if node.op_type == "Mul" and condition.producer().op_type == "HardSigmoid":  # type: ignore[union-attr]
                gradient = node.inputs[1] if node.inputs[0] is condition else node.inputs[0]
            elif node.op_type == "Where" and node.inputs[0] is condition:
                gradient = node.inputs[1]
            else:
                continue
            if gradient in backward and not node.outputs[0].is_graph_output():
                assert gradient is not None
                found.append(Gate(node, gradient, condition, function))
    return found[0] if len(found) == 1 else None


def _opening(w: Builder, gate: Gate, one: ir.Value) -> ir.Value:
    """Return the part of the blocked gradient that moves the input of the activation function to where it is open."""
    raising = w.op("Relu", [gate.gradient])
    if gate.node.op_type == "Mul":
        return w.op("Mul", [raising, w.op("Sub", [one, gate.condition])])
    zero = w.floats(0.0)
    if gate.function.op_type == "Clip":
        x, y = gate.function.inputs[0], gate.function.outputs[0]
        lowering = w.op("Min", [gate.gradient, zero])
        raising = w.op("Where", [w.op("Greater", [y, x]), raising, lowering])
    return w.op("Where", [gate.condition, zero, raising])


def _rank(value: ir.Value) -> int:
    assert value.shape is not None
    return len(value.shape)


# ----- for each activation function that can be closed, the masks that its gradient may be written with -----


def _positive(function: ir.Node) -> Iterator[ir.Value]:
    """Yield the masks of values above a constant, of the function's output or input or of parts of them."""
    whole = [function.outputs[0], function.inputs[0]]
    parts = [node.outputs[0] for v in whole if v is not None for node in v.consumers() if node.op_type == "Slice"]
    for value in (*whole, *parts):
        for node in value.consumers() if value is not None else ():
            steep = node.op_type == "HardSigmoid" and node.attributes.get_float("alpha", 0.2) >= STEEP / 10
            if steep or (node.op_type == "Greater" and node.inputs[0] is value):
                yield node.outputs[0]


def _inside(function: ir.Node) -> Iterator[ir.Value]:
    """Yield the masks of values that the function returns as they are."""
    for node in function.outputs[0].consumers():
        if node.op_type == "Equal" and set(node.inputs) == {function.inputs[0], function.outputs[0]}:
            yield node.outputs[0]


GATES: Mapping[str, Callable[[ir.Node], Iterator[ir.Value]]] = {
    "Clip": _inside,
    "Relu": _positive,
    "ThresholdedRelu": _positive,
}
