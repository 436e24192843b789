"""The encoder of a sparse autoencoder, in a graph and in numpy: from a layer's channels to latents, at each position.

    pre = W (normalise(x) - shift) + bias            encoded = activation(pre)

A direction is an encoder without shift, bias and activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from reverie_gradient import Builder

from reverie_export.sources.source import Array, Floats

EPSILON = float(np.float32(1e-5))  # of SAELens and Prisma, added to the deviation and not to the variance


@dataclass(frozen=True)
class Relu:
    """The latents that are positive."""

    operator = "Relu"

    def append(self, builder: Builder, pre: ir.Value, held: Mapping[str, ir.Value]) -> ir.Value:
        """Make the nodes."""
        return builder.op("Relu", [pre])

    def mask(self, pre: Floats) -> Array:
        """Return which latents pass."""
        return np.asarray(pre > 0)


@dataclass(frozen=True)
class TopK:
    """The ``k`` largest latents of each position, as far as they are positive: Gao et al. 2024, arXiv:2406.04093."""

    k: int
    operator = "TopK"

    def append(self, builder: Builder, pre: ir.Value, held: Mapping[str, ir.Value]) -> ir.Value:
        """Make the nodes: what is at least the k-th largest passes. No gradient goes through the comparison."""
        largest, indices = builder.ops("TopK", [pre, builder.integers(self.k)], 2, axis=1, largest=1, sorted=1)
        indices.dtype = ir.DataType.INT64
        least = builder.op("ReduceMin", [largest, builder.integers(1)], keepdims=1)
        return _where(builder, builder.op("GreaterOrEqual", [pre, least]), pre)

    def mask(self, pre: Floats) -> Array:
        """Return which latents pass."""
        least = np.sort(pre, axis=1)[:, -self.k : pre.shape[1] - self.k + 1]
        return np.asarray((pre >= least) & (pre > 0))


@dataclass(frozen=True, eq=False)
class JumpRelu:
    """The positive latents above their thresholds: Rajamanoharan et al. 2024, arXiv:2407.14435.

    A latent that equals its threshold passes if the thresholds are ``inclusive``, as overcomplete's are.
    """

    thresholds: Floats  # [count]
    inclusive: bool = False
    operator = "Where"

    def append(self, builder: Builder, pre: ir.Value, held: Mapping[str, ir.Value]) -> ir.Value:
        """Make the nodes; ``held`` has the thresholds."""
        kept = builder.op("GreaterOrEqual" if self.inclusive else "Greater", [pre, held["thresholds"]])
        return _where(builder, kept, pre)

    def mask(self, pre: Floats) -> Array:
        """Return which latents pass."""
        threshold = _column(self.thresholds, pre.ndim)
        return np.asarray((pre >= threshold if self.inclusive else pre > threshold) & (pre > 0))


def _where(builder: Builder, kept: ir.Value, pre: ir.Value) -> ir.Value:
    kept.dtype = ir.DataType.BOOL
    return builder.op("Where", [kept, builder.op("Relu", [pre]), builder.floats(0.0)])


Activation = Relu | TopK | JumpRelu


@dataclass(frozen=True, eq=False)
class Encoder:
    """An encoder; all arrays are float32."""

    weight: Floats  # [count, channels]
    bias: Floats | None = None  # [count]
    shift: Floats | None = None  # [channels], subtracted from the layer's value
    normalises: bool = False  # whether each position is first brought to mean 0 and deviation 1 over its channels
    activation: Activation | None = None
    remarks: tuple[str, ...] = ()  # what the user must know

    @property
    def count(self) -> int:
        """How many latents there are."""
        return int(self.weight.shape[0])

    @property
    def channels(self) -> int:
        """How many channels it reads."""
        return int(self.weight.shape[1])


def tensors(encoder: Encoder, scope: str, *, spatial: bool) -> dict[str, ir.TensorProtocol]:
    """Return the weights of a layer's nodes by what they are; their own names begin with ``scope``."""
    rank = 4 if spatial else 2
    jump = encoder.activation if isinstance(encoder.activation, JumpRelu) else None
    arrays = {
        "weight": encoder.weight.reshape(*encoder.weight.shape, *(1,) * (rank - 2)),
        "bias": encoder.bias,
        "shift": None if encoder.shift is None else _column(encoder.shift, rank),
        "thresholds": None if jump is None else _column(jump.thresholds, rank),
    }
    return {
        name: ir.Tensor(np.ascontiguousarray(array), name=f"{scope}.{name}")
        for name, array in arrays.items()
        if array is not None
    }


@dataclass(frozen=True, eq=False)
class Head:
    """An encoder at the end of a layer's graph: its pre-activation or, with ``encoded``, its activation."""

    encoder: Encoder
    weights: Mapping[str, ir.TensorProtocol]  # of `tensors`: one tensor for all graphs, which share a file
    spatial: bool
    encoded: bool = False

    @property
    def operator(self) -> str:
        """The operator that makes the layer's value."""
        if self.encoded and self.encoder.activation is not None:
            return self.encoder.activation.operator
        return "Conv" if self.spatial else "Gemm"

    def append(self, graph: ir.Graph, value: ir.Value) -> ir.Value:
        """Append the nodes to ``graph``: a 1 x 1 convolution at each position, or a matrix product of [N, C]."""
        builder = Builder(graph, "append")
        held = {name: initializer_of(tensor) for name, tensor in self.weights.items()}
        x = _normalised(builder, value, self.encoder.channels) if self.encoder.normalises else value
        if "shift" in held:
            x = builder.op("Sub", [x, held["shift"]])
        inputs = [x, held["weight"], *([held["bias"]] if "bias" in held else [])]
        pre = builder.op("Conv", inputs) if self.spatial else builder.op("Gemm", inputs, transB=1)
        if self.encoded and self.encoder.activation is not None:
            pre = self.encoder.activation.append(builder, pre, held)
        builder.append()
        for value in held.values():
            if value.uses():
                graph.register_initializer(value)
        return pre

    def apply(self, array: Floats) -> Floats:
        """Do the same with numpy, in the precision of ``array`` [N, C, ...]."""
        pre = self._pre(array)
        if self.encoded and self.encoder.activation is not None:
            pre = np.where(self.encoder.activation.mask(pre), pre, 0)
        return pre

    def undo(self, cotangent: Floats, array: Floats) -> Floats:
        """Return the cotangent of ``array`` for one of the layer."""
        if self.encoded and self.encoder.activation is not None:
            cotangent = np.where(self.encoder.activation.mask(self._pre(array)), cotangent, 0)
        back = np.einsum("oc,no...->nc...", self.encoder.weight.astype(np.float64), cotangent, optimize=True)
        return _normalised_back(back, array) if self.encoder.normalises else back

    def _pre(self, array: Floats) -> Floats:
        weight, bias, shift = self.encoder.weight, self.encoder.bias, self.encoder.shift
        x = _centred(array)[1] if self.encoder.normalises else array
        x = x if shift is None else x - _column(shift, x.ndim).astype(x.dtype)
        pre = np.einsum("oc,nc...->no...", weight.astype(x.dtype), x, optimize=True)
        return np.asarray(pre if bias is None else pre + _column(bias, x.ndim).astype(x.dtype))


def initializer_of(tensor: ir.TensorProtocol) -> ir.Value:
    """Return a value, to be registered in a graph, that holds ``tensor`` itself."""
    shape = ir.Shape(tensor.shape.numpy())
    return ir.Value(name=tensor.name, shape=shape, type=ir.TensorType(tensor.dtype), const_value=tensor)


def _column(numbers: Floats, rank: int) -> Floats:
    return numbers.reshape(1, -1, *(1,) * (rank - 2))


# ----- mean 0 and deviation 1 over the channels, as in torch: x.std() has n - 1 in the denominator -----


def _normalised(builder: Builder, x: ir.Value, channels: int) -> ir.Value:
    axis = builder.integers(1)
    centred = builder.op("Sub", [x, builder.op("ReduceMean", [x, axis], keepdims=1)])
    squares = builder.op("ReduceSum", [builder.op("Mul", [centred, centred]), axis], keepdims=1)
    deviation = builder.op("Sqrt", [builder.op("Div", [squares, builder.floats(channels - 1)])])
    return builder.op("Div", [centred, builder.op("Add", [deviation, builder.floats(EPSILON)])])


def _centred(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ``x`` less its mean, that over its deviation, and the deviation."""
    centred = x - x.mean(1, keepdims=True)
    deviation = np.sqrt((centred**2).sum(1, keepdims=True) / (x.shape[1] - 1))
    return centred, centred / (deviation + EPSILON), deviation


def _normalised_back(dy: Floats, x: Floats) -> Floats:
    """Differentiate y = c / (s + e), c = x - mean, s^2 = sum(c^2) / (n - 1)."""
    centred, _, deviation = _centred(x)
    wide = deviation + EPSILON
    inner = (dy * centred).sum(1, keepdims=True)
    dc = dy / wide - centred * inner / ((x.shape[1] - 1) * deviation * wide**2)
    return np.asarray(dc - dc.mean(1, keepdims=True))
