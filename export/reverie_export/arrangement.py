"""Brings the value of a layer to [N, C, h, w]: transformers keep features last, and positions in a row of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_export.shape_rules import ELEMENTWISE, GLOBAL, WINDOWED, Shape
from reverie_export.sources.source import Floats


class Arrangement(Protocol):
    """How a value of the network becomes the layer's [N, C, h, w], in a graph and in numpy."""

    def shape(self, shape: Shape) -> Shape:
        """Return the layer's shape for the value's."""
        ...

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append the nodes that arrange ``value`` to ``graph``."""
        ...

    def apply(self, array: Floats) -> Floats:
        """Arrange an array."""
        ...

    def undo(self, cotangent: Floats, shape: Shape) -> Floats:
        """Return the cotangent of the value, of ``shape``, for one of the layer: 0 for what the layer leaves out."""
        ...


class Head(Protocol):
    """What is computed of an arranged layer [N, C, h, w] or [N, C] at the end of its graph, and in numpy."""

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append the nodes to ``graph``."""
        ...

    def apply(self, array: Floats) -> Floats:
        """Compute the same with numpy."""
        ...

    def undo(self, cotangent: Floats, array: Floats) -> Floats:
        """Return the cotangent of ``array`` for one of the result."""
        ...


@dataclass(frozen=True)
class Unchanged:
    """[N, C, h, w] or [N, C]."""

    def shape(self, shape: Shape) -> Shape:
        """The same."""
        return shape

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append nothing."""
        return value

    def apply(self, array: Floats) -> Floats:
        """The same numbers."""
        return array

    def undo(self, cotangent: Floats, shape: Shape) -> Floats:
        """The same cotangent."""
        return cotangent


UNCHANGED = Unchanged()


@dataclass(frozen=True)
class ChannelsLast:
    """[N, h, w, C]."""

    def shape(self, shape: Shape) -> Shape:
        """[N, C, h, w]."""
        n, height, width, channels = shape
        return n, channels, height, width

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append a Transpose."""
        builder = Builder(graph, "arrangement")
        value = builder.op("Transpose", [value], perm=[0, 3, 1, 2])
        builder.append()
        return value

    def apply(self, array: Floats) -> Floats:
        """Channels before rows."""
        return array.transpose(0, 3, 1, 2)

    def undo(self, cotangent: Floats, shape: Shape) -> Floats:
        """Channels after columns."""
        return cotangent.transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Tokens:
    """[N, tokens, C] or, unless features are ``last``, [N, C, tokens].

    The tokens are ``before`` of no position (a class token), then ``height`` rows of ``width``, then any others. Where
    no grid is known all tokens stand in one column.
    """

    before: int
    height: int
    width: int
    last: bool = True

    @property
    def _grid(self) -> slice:
        return slice(self.before, self.before + self.height * self.width)

    def shape(self, shape: Shape) -> Shape:
        """[N, C, height, width]."""
        return shape[0], shape[2 if self.last else 1], self.height, self.width

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Slice the tokens of the grid, put features before them, and reshape the row to the grid."""
        builder = Builder(graph, "arrangement")
        axis = 1 if self.last else 2
        span, positions = self._grid, value.shape[axis] if value.shape is not None else None
        if (span.start, span.stop) != (0, positions):
            value = builder.op("Slice", [value, *map(builder.integers, (span.start, span.stop, axis))])
        if self.last:
            value = builder.op("Transpose", [value], perm=[0, 2, 1])
        value = builder.op("Reshape", [value, builder.integers(0, 0, self.height, self.width)])
        builder.append()
        return value

    def apply(self, array: Floats) -> Floats:
        """Do the same with numpy."""
        features_first = array.transpose(0, 2, 1) if self.last else array
        return features_first[:, :, self._grid].reshape(*features_first.shape[:2], self.height, self.width)

    def undo(self, cotangent: Floats, shape: Shape) -> Floats:
        """0 for the tokens that have no position."""
        whole = np.zeros(shape, cotangent.dtype)
        features_first = whole.transpose(0, 2, 1) if self.last else whole
        features_first[:, :, self._grid] = cotangent.reshape(*cotangent.shape[:2], -1)
        return whole


@dataclass(frozen=True)
class FirstToken:
    """The first of [N, tokens, C], which is the class token of a network that has one: [N, C]."""

    def shape(self, shape: Shape) -> Shape:
        """[N, C]."""
        return shape[0], shape[2]

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append a Gather."""
        builder = Builder(graph, "arrangement")
        value = builder.op("Gather", [value, builder.constant(0, ir.DataType.INT64)], axis=1)
        builder.append()
        return value

    def apply(self, array: Floats) -> Floats:
        """Take it."""
        return array[:, 0]

    def undo(self, cotangent: Floats, shape: Shape) -> Floats:
        """0 for all other tokens."""
        whole = np.zeros(shape, cotangent.dtype)
        whole[:, 0] = cotangent
        return whole


# ----- the axes of each value -----


@dataclass(frozen=True)
class Axes:
    """The axis of the features of a value [N, ...] and, for a row of tokens, what is known of their grid."""

    features: int
    grid: tuple[int, int, int] | None = None  # tokens before it, height, width


FIRST = (
    WINDOWED | GLOBAL | {"BatchNormalization", "ConvTranspose", "GroupNormalization", "InstanceNormalization", "LRN"}
)
LIKE_INPUT = ELEMENTWISE | {"CastLike", "LogSoftmax", "Pad", "Resize", "Softmax"}


def arrangements(graph: ir.Graph, shapes: Mapping[str, Shape]) -> dict[str, Arrangement]:
    """Return the arrangement of each value of ``graph`` that has features and positions.

    ``shapes`` are those of all values for one picture. Features are on axis 1 after convolutions and poolings, last
    after linear maps and layer normalisations; transpositions and reshapes are followed in between.
    """
    axes = {graph.inputs[0].name or "": Axes(1)}
    grids: dict[int, tuple[int, int, int]] = {}  # by number of tokens: the last grid that was flattened
    found: dict[str, Arrangement] = {}
    for node in graph:
        name = node.outputs[0].name or ""
        shape = shapes.get(name)
        if shape is None:
            continue
        known = _axes(node, axes, shapes)
        if known is None:
            continue
        if len(shape) == 3:
            tokens = shape[3 - known.features]
            if known.grid is not None:
                grids[tokens] = known.grid
            else:
                known = replace(known, grid=grids.get(tokens))
        for output in node.outputs:
            axes[output.name or ""] = known
        arrangement = _arrangement(known, shape)
        if arrangement is not None:
            found[name] = arrangement
    return found


def _arrangement(axes: Axes, shape: Shape) -> Arrangement | None:
    if len(shape) == 2 or (len(shape) == 4 and axes.features == 1):
        return UNCHANGED
    if len(shape) == 4 and axes.features == 3:
        return ChannelsLast()
    if len(shape) == 3:
        before, height, width = axes.grid or (0, shape[3 - axes.features], 1)
        return Tokens(before, height, width, last=axes.features == 2)
    return None


def _axes(node: ir.Node, axes: Mapping[str, Axes], shapes: Mapping[str, Shape]) -> Axes | None:
    """Return what is known of the result of ``node``."""
    shape = shapes[node.outputs[0].name or ""]
    inputs = [(v, shapes.get(v.name or "", ())) for v in node.inputs if v is not None and v.name in axes]
    if node.op_type in FIRST:
        return Axes(1)
    if len(shape) == 2:
        return Axes(1)
    # A part of a row of tokens may have lost its grid, where another still has it.
    inputs.sort(key=lambda pair: axes[pair[0].name or ""].grid is None)
    given = next((axes[v.name or ""] for v, s in inputs if s == shape), None)
    if node.op_type == "LayerNormalization" or is_linear(node):
        last = Axes(len(shape) - 1)
        moving = next((axes[v.name or ""] for v, s in inputs if len(s) == len(shape)), None)
        return moving if moving is not None and moving.features == last.features else last
    if given is not None and node.op_type in LIKE_INPUT:
        return given
    if not inputs:
        return None
    source, before = inputs[0]
    known = axes[source.name or ""]
    if node.op_type in LIKE_INPUT or node.op_type in ("Concat", "Slice", "Split"):
        return _cut(node, known, before, shape, source) if len(before) == len(shape) else None
    if node.op_type == "Transpose":
        order = node.attributes.get_ints("perm") or range(len(shape))[::-1]  # the default
        return replace(known, features=list(order).index(known.features))
    if node.op_type == "Reshape":
        return _reshaped(known, before, shape)
    return None


def is_linear(node: ir.Node) -> bool:
    """Whether the node multiplies by a matrix of weights, as they are or transposed."""
    weights = node.inputs[1] if node.op_type == "MatMul" else None
    if weights is None:
        return False
    producer = weights.producer()
    return weights.is_initializer() or (producer is not None and all(v and v.is_initializer() for v in producer.inputs))


def _cut(node: ir.Node, known: Axes, before: Shape, shape: Shape, source: ir.Value) -> Axes | None:
    """Return the axes of a part of a row of tokens, or of a row with others joined to it."""
    changed = [i for i, (a, b) in enumerate(zip(before, shape, strict=True)) if a != b]
    if known.grid is None or not changed or changed == [known.features]:
        return known
    ahead, height, width = known.grid
    if node.op_type == "Concat":
        for value in node.inputs:
            if value is source:
                return replace(known, grid=(ahead, height, width))
            size = value.shape[changed[0]] if value is not None and value.shape is not None else None
            if not isinstance(size, int):
                return replace(known, grid=None)
            ahead += size
    if node.op_type == "Pad":
        pads = node.inputs[1].const_value if node.inputs[1] is not None else None
        if pads is not None and pads.size == 2 * len(before):
            return replace(known, grid=(ahead + int(pads.numpy()[changed[0]]), height, width))
    if node.op_type == "Slice":
        start = node.inputs[1].const_value if node.inputs[1] is not None else None
        if start is not None and start.size == 1:
            ahead -= int(start.numpy().item())
            if ahead >= 0 and ahead + height * width <= shape[changed[0]]:
                return replace(known, grid=(ahead, height, width))
    return replace(known, grid=None)


def _reshaped(known: Axes, before: Shape, after: Shape) -> Axes | None:
    """Return the axes of a grid that is flattened, or of a row that becomes a grid; None if features are split."""
    last = known.features == len(before) - 1
    if known.features != 1 and not last:
        return None
    features = len(after) - 1 if last else 1
    if len(after) < 3 or after[features] != before[known.features] or after[0] != before[0]:
        return None
    grid = None
    if len(before) == 4 and len(after) == 3:
        height, width = before[1:3] if last else before[2:4]
        grid = (0, height, width)
    return Axes(features, grid)
