"""The sizes of all values as a function of the picture's: shapes, smallest sizes, strides, receptive fields.

ONNX's own shape inference takes one size at a time and accepts windows that do not fit. Here a pass over a list of
steps takes microseconds per node, so hundreds of sizes can be tried, and values that cannot be computed at a size get
no shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from reverie_export.shape_rules import ELEMENTWISE, REDUCE, RULES, WINDOWED, DoesNotFit, Shape, Step, windows


@dataclass(frozen=True)
class Field:
    """The stride and the receptive field of the positions of a value, in pixels."""

    stride: float
    size: float  # the side of a square; infinite for all of the picture


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
        # Values that do not depend on the picture keep the shape that the trace found.
        varying = _varying(graph)
        constant = [value for node in graph if node not in varying for value in node.outputs]
        self._constants |= {
            v.name or "": tuple(v.shape.numpy()) for v in constant if v.shape is not None and v.shape.is_static()
        }
        self._steps = [_step(node) for node in graph if node in varying]

    def shapes(self, batch: int, height: int, width: int) -> dict[str, Shape]:
        """Return the shape of every value that can be computed for a picture of this size."""
        shapes: dict[str, Shape] = {**self._constants, self._image: (batch, self._channels, height, width)}
        for step in self._steps:
            rule = RULES.get(step.operator)
            if rule is None or any(name and name not in shapes for name in step.inputs):
                continue
            try:
                found = rule(step, [shapes[name] for name in step.inputs if name])
            except (DoesNotFit, ArithmeticError, LookupError, TypeError, ValueError):  # the file contradicts itself
                continue
            if all(n > 0 for shape in found for n in shape):
                shapes.update(zip(step.outputs, found, strict=False))
        return shapes

    def fields(self, size: int) -> dict[str, Field]:
        """Return stride and receptive field of every value that depends on the picture, a square of ``size``."""
        shapes = self.shapes(1, size, size)
        fields = {self._image: Field(1, 1)}
        for step in self._steps:
            seen = [fields[name] for name in step.inputs if name in fields]
            if not seen:
                continue
            if step.outputs[0] not in shapes:  # nothing is known of this operator
                fields.update(dict.fromkeys(step.outputs, Field(0, math.inf)))
                continue
            stride, reach = max(f.stride for f in seen), max(f.size for f in seen)
            inputs = [shapes[name] for name in step.inputs if name]
            if step.operator in WINDOWED:
                first = windows(step, inputs)[0]
                stride, reach = stride * first.stride, reach + (first.span - 1) * stride
            elif step.operator == "ConvTranspose":
                stride = stride / (step.attributes.get("strides") or [1])[0]
                reach += (inputs[1][2] - 1) * stride
            elif step.operator == "Resize":
                stride = stride * inputs[0][2] / shapes[step.outputs[0]][2]
            elif not _keeps_positions(step, inputs[0], shapes[step.outputs[0]]):
                stride, reach = 0, math.inf
            fields.update(dict.fromkeys(step.outputs, Field(stride, reach)))
        return fields

    def valid_sizes(self, limit: int) -> dict[str, list[int]]:
        """Return for every value the sides of square pictures, up to ``limit``, at which it can be computed.

        A size does not count if one picture becomes several: a Reshape to ``[-1, 64, 16]`` turns what is too much for
        one picture into a second.
        """
        valid: dict[str, list[int]] = {}
        for size in range(1, limit + 1):
            for name, shape in self.shapes(1, size, size).items():
                if shape[:1] in ((), (1,)):
                    valid.setdefault(name, []).append(size)
        return valid

    def contradictions(self, batch: int, height: int, width: int) -> dict[str, str]:
        """Return the values that cannot be computed for a picture of this size, with the operator that is the cause."""
        shapes = self.shapes(batch, height, width)
        found: dict[str, str] = {}
        for step in self._steps:
            cause = next((found[name] for name in step.inputs if name in found), "")
            known = all(not name or name in shapes for name in step.inputs)
            if not cause and known and step.operator in RULES and step.outputs[0] not in shapes:
                taken = " and ".join(str(list(shapes[name])) for name in step.inputs if name)
                cause = f"{step.operator} {step.outputs[0]!r} of {taken}"
            if cause:
                found.update(dict.fromkeys(step.outputs, cause))
        return found


def _varying(graph: ir.Graph) -> set[ir.Node]:
    """Return the nodes whose results depend on the picture."""
    reached = {graph.inputs[0].name}
    varying = set()
    for node in graph:
        if any(value is not None and value.name in reached for value in node.inputs):
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


@dataclass(frozen=True)
class Sizes:
    """The sizes of square pictures that a layer takes: multiples of ``multiple`` from ``least`` upwards."""

    least: int
    multiple: int
    only: bool = False  # only `least` itself


def regular(valid: Sequence[int], native: int, limit: int) -> Sizes:
    """Describe ``valid``, out of 1..``limit``, by the smallest step of which all multiples, at least two, are valid.

    The native size is among them if it is valid. If there is no such step, the native size is the only one.
    """
    known = set(valid)
    least = min(valid)
    for multiple in range(1, limit // 2 + 1):
        first = -(-least // multiple) * multiple
        tried = range(first, limit + 1, multiple)
        if len(tried) >= 2 and known.issuperset(tried) and (native in tried or native not in known):
            return Sizes(first, multiple)
    only = native if native in known else least
    return Sizes(only, only, only=True)
