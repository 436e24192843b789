"""Operators that read a picture between its pixels, in the precision of their inputs: see exact_operators."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reverie_export.sources.source import Array

Attributes = Mapping[str, Any]
CUBIC = -0.75  # the coefficient of cubic interpolation in GridSample


def affine_grid(attributes: Attributes, theta: Array, size: Array) -> Array:
    """Return the positions [N, ..., rank] that an affine map gives the pixels of a picture."""
    ends = attributes.get("align_corners", 0)
    lines = [np.linspace(-1, 1, n) if ends else (2 * np.arange(n) + 1) / n - 1 for n in size[2:].tolist()]
    places = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*places, np.ones_like(places[0])], -1).astype(theta.dtype)
    return np.asarray(np.einsum("...j,nij->n...i", base, theta))


def grid_sample(attributes: Attributes, x: Array, grid: Array) -> Array:
    """Read ``x`` [N, C, ...] at the positions ``grid`` [N, ..., rank], as a weighted sum of the pixels around each."""
    mode = attributes.get("mode", "linear")
    padding, ends = attributes.get("padding_mode", "zeros"), attributes.get("align_corners", 0)
    cubic, nearest = mode.endswith("cubic"), mode == "nearest"
    sizes, spans = x.shape[2:], []
    for axis, n in enumerate(sizes):
        low, high = (0.0, n - 1.0) if ends else (-0.5, n - 0.5)
        at = (grid[..., -1 - axis] + 1) / 2 * (high - low) + low
        if padding == "border" and not cubic:
            at = np.clip(at, 0, n - 1)
        if padding == "reflection" and not cubic:
            at = _reflected(at, low, high).clip(0, n - 1)
        first = np.rint(at) if nearest else np.floor(at) - cubic
        taps = 1 if nearest else 4 if cubic else 2
        spans.append([_tap(first + k, at, n, mode, padding, (low, high)) for k in range(taps)])
    return _gathered(x, spans)


def _tap(place: Array, at: Array, size: int, mode: str, padding: str, ends: tuple[float, float]) -> tuple[Array, Array]:
    """Return which pixels are read, and with which weights."""
    distance = np.abs(place - at)
    weight = np.ones_like(at) if mode == "nearest" else 1 - distance
    if mode.endswith("cubic"):
        d, a = distance, CUBIC
        near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        weight = np.where(d < 1, near, far)
    if padding == "reflection":
        place = np.rint(_reflected(place, *ends))
    if padding == "zeros":
        weight = np.where((place >= 0) & (place < size), weight, 0)
    return np.clip(place, 0, size - 1).astype(np.int64), weight


def _reflected(at: Array, low: float, high: float) -> Array:
    """Fold positions outside ``low``..``high`` back into it."""
    span = high - low
    if span == 0:
        return np.zeros_like(at)
    folded = np.abs(at - low) % (2 * span)
    return np.asarray(low + np.where(folded > span, 2 * span - folded, folded))


def _gathered(x: Array, spans: Sequence[Sequence[tuple[Array, Array]]]) -> Array:
    """Return the sum over all combinations of taps, one for each axis, of weight times pixel."""
    y: Array | None = None
    for taps in itertools.product(*spans):
        weight = math.prod((w for _, w in taps), start=np.ones((), x.dtype))
        for n in range(x.shape[0]):
            read = weight[n] * x[n][(slice(None), *(place[n] for place, _ in taps))]
            if y is None:
                y = np.zeros((x.shape[0], *read.shape), x.dtype)
            y[n] += read
    assert y is not None
    return y


def deform_conv(
    attributes: Attributes, x: Array, w: Array, offset: Array, b: Array | None = None, mask: Array | None = None
) -> Array | None:
    """Convolve a picture whose pixels are read at shifted positions, in two dimensions."""
    if x.ndim != 4:
        return None
    (n, c, *size), (m, _, *kernel), outputs = x.shape, w.shape, offset.shape[2:]
    group, shifts = attributes.get("group", 1), attributes.get("offset_group", 1)
    strides, dilations = attributes.get("strides") or [1, 1], attributes.get("dilations") or [1, 1]
    pads = attributes.get("pads") or [0, 0, 0, 0]
    moved = offset.reshape(n, shifts, *kernel, 2, *outputs)
    factor = np.ones((), x.dtype) if mask is None else mask.reshape(n, shifts, *kernel, *outputs)
    columns = np.zeros((n, c, *kernel, *outputs), x.dtype)
    each = c // shifts
    for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
        for s in range(shifts):
            spans = []
            for axis, tap in enumerate((i, j)):
                line = np.arange(outputs[axis]) * strides[axis] + tap * dilations[axis] - pads[axis]
                at = moved[:, s, i, j, axis] + (line[:, None] if axis == 0 else line)
                first = np.floor(at)
                spans.append([_tap(first + k, at, size[axis], "linear", "zeros", (0, 0)) for k in range(2)])
            channels = slice(s * each, (s + 1) * each)
            read = _gathered(x[:, channels], spans)
            columns[:, channels, i, j] = read if mask is None else read * factor[:, s, i, j][:, None]
    rows = columns.reshape(n, group, -1, math.prod(outputs))
    y = np.einsum("ngko,gmk->ngmo", rows, w.reshape(group, m // group, -1)).reshape(n, m, *outputs)
    return np.asarray(y if b is None else y + b.reshape(-1, 1, 1))


def max_roi_pool(attributes: Attributes, x: Array, rois: Array) -> Array:
    """Return the maximum of each cell of each region, as Caffe's ROIPooling: ONNX gives no details."""
    pooled, scale = attributes["pooled_shape"], attributes.get("spatial_scale", 1.0)
    y = np.zeros((len(rois), x.shape[1], *pooled), x.dtype)
    for r, (picture, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (math.copysign(math.floor(abs(v * scale) + 0.5), v) for v in corners)
        for place in np.ndindex(*pooled):
            part = [slice(None)]
            for k, n, size, (start, end) in zip(place, pooled, x.shape[2:], ((y1, y2), (x1, x2)), strict=True):
                wide = max(end - start + 1, 1) / n
                borders = (math.floor(k * wide) + start, math.ceil((k + 1) * wide) + start)
                part.append(slice(*(int(min(max(v, 0), size)) for v in borders)))
            inside = x[int(picture)][tuple(part)]
            if inside.size:
                y[(r, slice(None), *place)] = inside.max((1, 2))
    return y
