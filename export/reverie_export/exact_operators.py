"""Operators in the precision of their inputs, for which onnx's implementations compute in float32, fail, or are wrong.

Each function takes the attributes of a node and its inputs, and returns its output, or None if onnx's implementation
is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reverie_export.sampling_operators import affine_grid, deform_conv, grid_sample, max_roi_pool
from reverie_export.sources.source import Array

Attributes = Mapping[str, Any]


def _erf(attributes: Attributes, x: Array) -> Array:
    return np.fromiter(map(math.erf, x.ravel().tolist()), x.dtype, x.size).reshape(x.shape)


def _gelu(attributes: Attributes, x: Array) -> Array:
    half = x.dtype.type(0.5)
    if attributes.get("approximate") == "tanh":
        return np.asarray(half * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(half * x * (1 + _erf({}, x * math.sqrt(0.5))))


def _column(values: Array, rank: int) -> Array:
    return values.reshape(-1, *(1,) * (rank - 2))


def _group_normalization(attributes: Attributes, x: Array, scale: Array, bias: Array) -> Array:
    """Normalise groups of channels; scale and bias are a number for each group or, from opset 21, each channel."""
    groups = attributes["num_groups"]
    grouped = x.reshape(x.shape[0], groups, -1)
    deviation = np.sqrt(grouped.var(2, keepdims=True) + attributes.get("epsilon", 1e-5))
    unit = ((grouped - grouped.mean(2, keepdims=True)) / deviation).reshape(x.shape)
    scale, bias = (np.repeat(v, x.shape[1] // len(v)) for v in (scale, bias))
    return np.asarray(unit * _column(scale, x.ndim) + _column(bias, x.ndim))


def _lrn(attributes: Attributes, x: Array) -> Array:
    size, channels = attributes["size"], x.shape[1]
    sums = np.zeros((x.shape[0], channels + 1, *x.shape[2:]), x.dtype)
    np.cumsum(x * x, axis=1, out=sums[:, 1:])
    first = np.maximum(np.arange(channels) - (size - 1) // 2, 0)
    after = np.minimum(np.arange(channels) + size // 2 + 1, channels)
    squares = sums[:, after] - sums[:, first]
    base = attributes.get("bias", 1.0) + attributes.get("alpha", 1e-4) / size * squares
    return np.asarray(x / base ** attributes.get("beta", 0.75))


def _lp_normalization(attributes: Attributes, x: Array) -> Array:
    p = attributes.get("p", 2)
    length = (np.abs(x) ** p).sum(attributes.get("axis", -1), keepdims=True) ** (1 / p)
    return np.asarray(x / length)


def _global_lp_pool(attributes: Attributes, x: Array) -> Array:
    p = attributes.get("p", 2)
    return np.asarray((np.abs(x) ** p).sum(tuple(range(2, x.ndim)), keepdims=True) ** (1 / p))


def _mean_variance_normalization(attributes: Attributes, x: Array) -> Array:
    axes = tuple(attributes.get("axes") or (0, 2, 3))
    centred = x - x.mean(axes, keepdims=True)
    return np.asarray(centred / (np.sqrt((centred**2).mean(axes, keepdims=True)) + x.dtype.type(1e-9)))


def _gather_elements(attributes: Attributes, x: Array, index: Array) -> Array:
    axis = attributes.get("axis", 0) % x.ndim
    part = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(index.shape))
    return np.asarray(np.take_along_axis(x[part], index, axis))


def _batch_normalization(
    attributes: Attributes, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> Array | None:
    """Normalise as in inference; onnx's implementation trains if the operator set is older than 14."""
    if attributes.get("training_mode") or not attributes.get("spatial", 1):
        return None
    scale, bias, mean, variance = (_column(v, x.ndim) for v in (scale, bias, mean, variance))
    return np.asarray((x - mean) / np.sqrt(variance + attributes.get("epsilon", 1e-5)) * scale + bias)


def _dequantize_linear(attributes: Attributes, x: Array, scale: Array, zero: Array | None = None) -> Array | None:
    """Multiply integers by one scale, or by one for each index of an axis."""
    if attributes.get("block_size") or scale.ndim > 1 or x.dtype.itemsize > 4:
        return None
    axis = attributes.get("axis", 1) % max(x.ndim, 1)
    shape = [-1 if a == axis and scale.ndim else 1 for a in range(x.ndim)]
    centred = x.astype(scale.dtype) - (0 if zero is None else zero.astype(scale.dtype).reshape(shape))
    return np.asarray(centred * scale.reshape(shape))


EXACT: dict[str, Callable[..., Array | None]] = {
    "AffineGrid": affine_grid,
    "BatchNormalization": _batch_normalization,
    "DeformConv": deform_conv,
    "DequantizeLinear": _dequantize_linear,
    "Erf": _erf,
    "GatherElements": _gather_elements,
    "Gelu": _gelu,
    "GlobalLpPool": _global_lp_pool,
    "GridSample": grid_sample,
    "GroupNormalization": _group_normalization,
    "LRN": _lrn,
    "LpNormalization": _lp_normalization,
    "MaxRoiPool": max_roi_pool,
    "MeanVarianceNormalization": _mean_variance_normalization,
}
