"""The sizes of all values as a function of the picture's: shapes, smallest sizes, strides, receptive fields.

ONNX's own shape inference takes one size at a time and accepts windows that do not fit. Here a pass over a list of
steps takes microseconds per node, so hundreds of sizes can be tried, and values that cannot be computed at a size get
no shape. Height and width are tried one after the other: a product such as 8 * 16 * 64 fits many pairs of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from reverie_gradient import inputs_of
from reverie_proto.sizes import Size

from reverie_export.shape_rules import ELEMENTWISE, REDUCE, RULES, WINDOWED, DoesNotFit, Shape, Step, windows
from reverie_export.stated_shapes import KEY as STATED
from reverie_export.stated_shapes import Stated, contradicts


@dataclass(frozen=True)
class Field:
    """The stride and the receptive field of the positions of a value along one axis, in pixels."""

    stride: float
    size: float  # infinite for all of the picture


#: Operators whose further inputs are numbers that decide the shape of the result.
BY_NUMBERS = frozenset(("Expand", "Pad", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Tile", "TopK", "Unsqueeze"))

Fields = tuple[Field, Field]  # along the height and the width
NOWHERE = Field(0, math.inf)


def channels_of(graph: ir.Graph) -> int:
    """Return how many channels the picture of a graph has."""
    shape = graph.inputs[0].shape
    return 3 if shape is None or not isinstance(shape[1], int) else shape[1]


class Geometry:
    """The sizes of the values of a forward graph, for pictures of any size."""

    def __init__(self, graph: ir.Graph) -> None:
        self._image = graph.inputs[0].name or ""
        self._channels = channels_of(graph)
        self._constants = {
            name: tuple(value.const_value.shape.numpy())
            for name, value in graph.initializers.items()
            if value.const_value is not None
        }
        self._stated: Mapping[str, Stated] = graph.meta.get(STATED, {})
        # Values that do not depend on the picture keep the shape that the trace found.
        varying = _varying(graph)
        constant = [value for node in graph if node not in varying for value in node.outputs]
        self._constants |= {
            v.name or "": tuple(v.shape.numpy()) for v in constant if v.shape is not None and v.shape.is_static()
        }
        self._steps = [_step(node) for node in graph if node in varying]

    def shapes(self, batch: int, height: int, width: int) -> dict[str, Shape]:
        """Return the shape of every value that can be computed for pictures of this size.

        For one picture, a value whose shape the network states otherwise cannot be computed.
        """
        shapes: dict[str, Shape] = {**self._constants, self._image: (batch, self._channels, height, width)}
        for step in self._steps:
            rule = RULES.get(step.operator)
            if rule is None or any(name and name not in shapes for name in step.inputs):
                continue
            try:
                found = rule(step, [shapes[name] for name in step.inputs if name])
            except (DoesNotFit, ArithmeticError, LookupError, TypeError, ValueError):  # the file contradicts itself
                continue
            stated = self._stated.get(step.outputs[0]) if batch == 1 else None
            if stated is not None and contradicts(stated, found[0]):
                continue
            if all(n > 0 for shape in found for n in shape):
                shapes.update(zip(step.outputs, found, strict=False))
        return shapes

    def fields(self, size: Size) -> dict[str, Fields]:
        """Return stride and receptive field of every value that depends on the picture, which has this size."""
        shapes = self.shapes(1, *size)
        fields = {self._image: (Field(1, 1), Field(1, 1))}
        for step in self._steps:
            seen = [fields[name] for name in step.inputs if name in fields]
            if not seen:
                continue
            if step.outputs[0] not in shapes:  # nothing is known of this operator
                found = NOWHERE, NOWHERE
            else:
                inputs = [shapes[name] for name in step.inputs if name]
                down, across = (
                    _field(step, axis, [pair[axis] for pair in seen], inputs, shapes[step.outputs[0]])
                    for axis in (0, 1)
                )
                found = down, across
            fields.update(dict.fromkeys(step.outputs, found))
        return fields

    def contradictions(self, batch: int, height: int, width: int) -> dict[str, str]:
        """Return the values that cannot be computed for a picture of this size, with the operator that is the cause."""
        shapes = self.shapes(batch, height, width)
        found: dict[str, str] = {}
        for step in self._steps:
            cause = next((found[name] for name in step.inputs if name in found), "")
            known = all(not name or name in shapes for name in step.inputs) and _is_decided(step)
            if not cause and known and step.operator in RULES and step.outputs[0] not in shapes:
                taken = " and ".join(str(list(shapes[name])) for name in step.inputs if name)
                cause = f"{step.operator} {step.outputs[0]!r} of {taken}"
            if cause:
                found.update(dict.fromkeys(step.outputs, cause))
        return found


def _is_decided(step: Step) -> bool:
    """Return whether the shape of a result follows from the shapes of the inputs and from constants."""
    others = zip(step.inputs[1:], step.constants[1:], strict=True)
    return step.operator not in BY_NUMBERS or all(numbers is not None for name, numbers in others if name)


def _varying(graph: ir.Graph) -> set[ir.Node]:
    """Return the nodes whose results depend on the picture."""
    reached = {graph.inputs[0].name}
    varying = set()
    for node in graph:
        if any(value.name in reached for value in inputs_of(node)):
            varying.add(node)
            reached.update(value.name for value in node.outputs)
    return varying


def _keeps_positions(step: Step, before: Shape, after: Shape) -> bool:
    if step.operator in ELEMENTWISE or step.operator in (
        "Concat",
        "Slice",
        "Pad",
        "Split",
        "LRN",
        "BatchNormalization",
    ):
        return len(after) == 4
    if step.operator in ("Softmax", "LogSoftmax", "LpNormalization"):
        return len(after) == 4 and step.attributes.get("axis", -1) in (1, -3)
    return len(before) == len(after) == 4 and before[2:] == after[2:] and step.operator in REDUCE


def _step(node: ir.Node) -> Step:
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    constants: list[tuple[int, ...] | None] = []
    for value in node.inputs:
        tensor = value.const_value if value is not None else None
        small = tensor is not None and tensor.size <= 64 and tensor.dtype.is_integer()
        constants.append(tuple(int(n) for n in tensor.numpy().ravel()) if tensor is not None and small else None)
    if node.op_type == "Resize" and len(node.inputs) > 2 and node.inputs[2] is not None:
        scales = node.inputs[2].const_value
        attributes["scales"] = scales.numpy().tolist() if scales is not None and scales.size else None
    return Step(
        operator=node.op_type,
        attributes=attributes,
        inputs=tuple(v.name or "" if v is not None else "" for v in node.inputs),
        constants=tuple(constants),
        outputs=tuple(v.name or "" for v in node.outputs),
    )


def _field(step: Step, axis: int, seen: Sequence[Field], inputs: Sequence[Shape], result: Shape) -> Field:
    """Return the field of a step's result along the height (``axis`` 0) or the width (1)."""
    stride, reach = max(f.stride for f in seen), max(f.size for f in seen)
    if step.operator in WINDOWED and len(result) == 4:
        window = windows(step, inputs)[axis]
        return Field(stride * window.stride, reach + (window.span - 1) * stride)
    if step.operator == "ConvTranspose" and len(result) == 4:
        stride = stride / (step.attributes.get("strides") or [1, 1])[axis]
        return Field(stride, reach + (inputs[1][2 + axis] - 1) * stride)
    if step.operator == "Resize" and len(result) == 4:
        return Field(stride * inputs[0][2 + axis] / result[2 + axis], reach)
    return Field(stride, reach) if _keeps_positions(step, inputs[0], result) else NOWHERE


@dataclass(frozen=True)
class Sides:
    """The heights, or the widths, of the pictures that a layer takes: multiples of ``multiple`` from ``least`` on."""

    least: int
    multiple: int
    only: bool = False  # only `least` itself

    def __contains__(self, side: int) -> bool:
        """Whether the layer takes pictures of this height, or width."""
        return side == self.least if self.only else side >= self.least and side % self.multiple == 0

    def at_least(self, side: int) -> int:
        """Return the smallest of them that is not less than ``side``, or the only one."""
        return self.least if self.only else -(-max(side, self.least) // self.multiple) * self.multiple


@dataclass(frozen=True)
class Sizes:
    """The sizes of the pictures that a layer takes."""

    height: Sides
    width: Sides

    @classmethod
    def fixed(cls, size: Size) -> Sizes:
        """Return one size."""
        height, width = (Sides(side, side, only=True) for side in size)
        return cls(height, width)

    @property
    def least(self) -> Size:
        """The smallest size."""
        return self.height.least, self.width.least

    @property
    def multiple(self) -> Size:
        """The numbers of which height and width are multiples."""
        return self.height.multiple, self.width.multiple

    @property
    def only(self) -> Size:
        """The only height and the only width; 0 for one that is free."""
        height, width = (sides.least if sides.only else 0 for sides in (self.height, self.width))
        return height, width

    def __contains__(self, size: Size) -> bool:
        """Whether the layer takes pictures of this size."""
        return size[0] in self.height and size[1] in self.width

    def at_least(self, size: Size) -> Size:
        """Return the smallest size of which no side is less than that of ``size``, except for fixed ones."""
        return self.height.at_least(size[0]), self.width.at_least(size[1])


def valid_sizes(
    geometry: Geometry, native: Size, limit: Size, arranged: Mapping[str, Callable[[Shape], Shape]]
) -> dict[str, Sizes]:
    """Return the sizes of pictures, up to ``limit``, at which each value is one of as many features, [1, C, ...].

    ``arranged`` returns the shape of each value with its features before its positions. The height is varied at the
    native width and the width at the native height. For a value that cannot be computed at the native size, the
    smallest square at which it can takes its place. A value that can be computed at no size is left out.
    """
    seen: dict[Size, dict[str, Shape]] = {}

    def at(size: Size) -> dict[str, Shape]:
        if size not in seen:
            shapes = geometry.shapes(1, *size)
            seen[size] = {name: arrange(shapes[name]) for name, arrange in arranged.items() if name in shapes}
        return seen[size]

    bases = dict.fromkeys(at(native), native)
    for side in range(1, max(limit) + 1) if len(bases) < len(arranged) else ():
        bases = dict.fromkeys(at((side, side)), (side, side)) | bases
    return {name: sizes for name, base in bases.items() if (sizes := _sizes(name, base, limit, at)) is not None}


def _sizes(name: str, base: Size, limit: Size, at: Callable[[Size], Mapping[str, Shape]]) -> Sizes | None:
    """Return the sizes at which a value has the rank and the features that it has at ``base``."""
    expected = at(base)[name]

    def fits(size: Size) -> bool:
        found = at(size).get(name, ())
        return len(found) == len(expected) and found[:2] == expected[:2]

    if expected[0] != 1:
        return None
    heights = [height for height in range(1, limit[0] + 1) if fits((height, base[1]))]
    widths = [width for width in range(1, limit[1] + 1) if fits((base[0], width))]
    found = Sizes(regular(heights, base[0], limit[0]), regular(widths, base[1], limit[1]))
    # Height and width may depend on each other, as where their product must be a multiple of a number.
    return found if fits(found.least) and fits(found.at_least(UNRELATED)) else Sizes.fixed(base)


UNRELATED = (37, 53)
"""A height and a width without a common factor."""


def regular(valid: Sequence[int], native: int, limit: int) -> Sides:
    """Describe ``valid``, out of 1..``limit``, by the smallest step of which all multiples, at least two, are valid.

    The native size is among them if it is valid. If there is no such step, the native size is the only one.
    """
    known = set(valid)
    least = min(valid)
    for multiple in range(1, limit // 2 + 1):
        first = -(-least // multiple) * multiple
        tried = range(first, limit + 1, multiple)
        if len(tried) >= 2 and known.issuperset(tried) and (native in tried or native not in known):
            return Sides(first, multiple)
    only = native if native in known else least
    return Sides(only, only, only=True)
