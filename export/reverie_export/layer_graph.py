"""The graph of one layer: the network up to the layer, and its gradient with respect to the picture.

The contract, for any ONNX runtime: opset 18, ``image`` [N, C, H, W] and ``cotangent`` in, ``activation`` and
``gradient`` out; see docs/exporting.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common
from reverie_gradient import Builder, GradientError, add_gradient, unportable

from reverie_export.geometry import Geometry, Sides, channels_of
from reverie_export.layers import Target
from reverie_export.normalise import OPSET
from reverie_export.sources.source import Normalisation

IR_VERSION = 9
RESERVED = ("image", "cotangent", "activation", "gradient")
LAST = -(2**63)  # a Slice with step -1 that ends here takes everything down to the first element

# The sizes that tell symbols apart: far enough from each other for any stride, and with different remainders.
BATCHES = (2, 3, 5, 7)
STEPS = (101, 158, 223, 284)


class NotPortable(GradientError):
    """A layer's gradient needs operators that some runtimes lack."""

    def __init__(self, operators: Mapping[str, Sequence[str]]) -> None:
        listed = "; ".join(f"{operator} (node {', '.join(map(repr, names))})" for operator, names in operators.items())
        super().__init__(f"not portable, some runtimes cannot compute the gradient of {listed}; leave out --portable")


def layer_graph(forward: ir.Graph, target: Target, normalisation: Normalisation, *, portable: bool = False) -> ir.Model:
    """Return ``forward`` up to ``target``, with the normalisation before it and the gradient after it.

    Raises ``reverie_gradient.GradientError`` if an operator on the path has no rule or, if the graph is to be
    ``portable``, none that every runtime can compute.
    """
    graph = ir.convenience.extract(forward, [forward.inputs[0]], [target.value])
    if portable and (found := unportable(graph)):
        raise NotPortable(found)
    graph.name = target.name
    graph.opset_imports.clear()
    graph.opset_imports[""] = OPSET
    _rename_reserved(graph)
    graph.outputs[0] = target.arrangement.append(graph, graph.outputs[0])
    if target.head is not None:
        graph.outputs[0] = target.head.append(graph, graph.outputs[0])
    _state_shapes(graph, target)
    entry, activation = graph.inputs[0], graph.outputs[0]
    image = _normalise(graph, entry, normalisation)
    activation.name = "activation"
    activation.dtype = ir.DataType.FLOAT

    cotangent = ir.Value(name="cotangent", shape=activation.shape, type=ir.TensorType(ir.DataType.FLOAT))
    (gradient,) = add_gradient(graph, of=activation, wrt=[image], cotangent=cotangent)
    gradient.name = "gradient"
    gradient.shape, gradient.dtype = image.shape, ir.DataType.FLOAT
    graph.inputs.append(cotangent)
    graph.outputs.append(gradient)

    model = ir.Model(graph, ir_version=IR_VERSION, producer_name="reverie")
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.RemoveUnusedNodesPass()(model)
    common.ClearMetadataAndDocStringPass()(model)
    for _, value in sorted(graph.initializers.items()):  # extracting the graph has left them unordered
        graph.initializers.pop(value.name or "")
        graph.register_initializer(value)
        value.metadata_props.clear()  # notes of torch's exporter
    return model


def _rename_reserved(graph: ir.Graph) -> None:
    """Rename values that have the names of the contract's inputs and outputs."""
    values = ir.convenience.create_value_mapping(graph, include_subgraphs=False)
    for name in RESERVED:
        if name in values:
            values[name].name = f"{name}.inner"


def _normalise(graph: ir.Graph, entry: ir.Value, normalisation: Normalisation) -> ir.Value:
    """Prepend the normalisation of RGB in [0, 1]; return the new input, ``image``."""
    if normalisation.is_identity:
        entry.name = "image"
        return entry
    image = ir.Value(name="image", shape=entry.shape, type=ir.TensorType(ir.DataType.FLOAT))
    builder, x = Builder(graph, "normalisation"), image
    if normalisation.channel_order == "BGR":
        x = builder.op("Slice", [x, *map(builder.integers, (-1, LAST, 1, -1))], like=image)
    if normalisation.scale != 1:
        x = builder.op("Mul", [x, builder.constant(normalisation.scale, ir.DataType.FLOAT)], like=image)
    if any(normalisation.mean):
        x = builder.op("Sub", [x, builder.constant(_column(normalisation.mean))], like=image)
    if any(s != 1 for s in normalisation.std):
        x = builder.op("Div", [x, builder.constant(_column(normalisation.std))], like=image)
    graph.inputs[0] = image
    ir.convenience.replace_all_uses_with(entry, x)
    builder.insert_before(next(iter(graph)))
    return image


def _column(numbers: Sequence[float]) -> np.ndarray:
    return np.array(numbers, np.float32).reshape(1, -1, 1, 1)


def _state_shapes(graph: ir.Graph, target: Target) -> None:
    """Give every value a shape in which equal symbols are equal sizes, for any picture.

    Shapes are computed for pictures that differ in number, height and width: a dimension that stays the same is a
    number, and dimensions that change alike have one symbol. The gradient rules then know, for example, that the two
    sides of a residual sum are not broadcast.
    """
    sizes = target.sizes
    heights, widths = _varied(sizes.height, STEPS), _varied(sizes.width, (*STEPS[1:], *STEPS[:1]))
    geometry = Geometry(graph)
    result = graph.outputs[0].name or ""
    alone = takes_one_picture(geometry, result, heights[0], widths[0])
    batches = (1,) * len(BATCHES) if alone else BATCHES
    seen = [geometry.shapes(n, h, w) for n, h, w in zip(batches, heights, widths, strict=True)]
    symbols: dict[tuple[int, ...], str] = {BATCHES: "N"}
    symbols |= {sides: letter for sides, letter in ((heights, "H"), (widths, "W")) if len(set(sides)) > 1}
    if not all(sizes.only):
        shape = [s.get(result, ()) for s in seen]
        if target.spatial:
            for axis, letter in ((2, "h"), (3, "w")):
                change = tuple(s[axis] for s in shape)
                if len(set(change)) > 1:
                    symbols.setdefault(change, letter)

    values = ir.convenience.create_value_mapping(graph, include_subgraphs=False)
    for name, value in values.items():
        if value.is_initializer() or not all(name in shapes for shapes in seen):
            continue
        dims: list[int | str] = []
        for axis, change in enumerate(zip(*(shapes[name] for shapes in seen), strict=True)):
            if len(set(change)) > 1:
                dims.append(symbols.setdefault(change, f"size{len(symbols)}"))
            elif all(sizes.only) and axis >= 2:
                dims.append(f"{'hw'[axis % 2]}{change[0]}")  # one size says nothing about others
            else:
                dims.append(change[0])
        value.shape = ir.Shape(dims)
        value.dtype = value.dtype or ir.DataType.FLOAT
    if any(sizes.only):
        graph.inputs[0].shape = ir.Shape([1 if alone else "N", channels_of(graph), "H", "W"])


def _varied(sides: Sides, steps: Sequence[int]) -> tuple[int, ...]:
    """Return heights, or widths, that tell symbols apart; always the same one if there is only one."""
    return tuple(sides.least + (0 if sides.only else n * sides.multiple) for n in steps)


def takes_one_picture(geometry: Geometry, value: str, height: int, width: int) -> bool:
    """Whether a batch of 1 is written into the network, so that ``value`` exists for one picture and not for two.

    That is assumed if only the shape of the traced picture is known.
    """
    one, two = (geometry.shapes(n, height, width).get(value) for n in (1, 2))
    return one is None or (one[0] == 1 and (two is None or two[0] != 2))
