"""Operators in float64, where ONNX's reference evaluator computes in float32, refuses, or errs."""

from __future__ import annotations

import math

import numpy as np
from onnx.reference.op_run import OpRun

erf = np.vectorize(math.erf, otypes=[np.float64])


class AffineGrid(OpRun):
    def _run(self, theta: np.ndarray, size: np.ndarray, align_corners: int) -> tuple[np.ndarray]:
        lines = [np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in size[2:]]
        places = np.meshgrid(*lines, indexing="ij")[::-1]
        base = np.stack([*places, np.ones_like(places[0])], -1)
        return (np.einsum("...j,nij->n...i", base, theta).astype(theta.dtype),)


class Erf(OpRun):
    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (erf(x).astype(x.dtype),)


class Gelu(OpRun):
    def _run(self, x: np.ndarray, approximate: str) -> tuple[np.ndarray]:
        if approximate == "tanh":
            return (x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,)
        return (x * (1 + erf(x / math.sqrt(2))).astype(x.dtype) / 2,)


class GroupNormalization(OpRun):
    def _run(
        self, x: np.ndarray, scale: np.ndarray, bias: np.ndarray, epsilon: float, num_groups: int, stash_type: int
    ) -> tuple[np.ndarray]:
        grouped = x.reshape(x.shape[0], num_groups, -1)
        u = (grouped - grouped.mean(2, keepdims=True)) / np.sqrt(grouped.var(2, keepdims=True) + epsilon)
        column = (-1,) + (1,) * (x.ndim - 2)
        return (u.reshape(x.shape) * scale.reshape(column) + bias.reshape(column),)


class LRN(OpRun):
    def _run(self, x: np.ndarray, alpha: float, beta: float, bias: float, size: int) -> tuple[np.ndarray]:
        square = np.zeros_like(x)
        for c in range(x.shape[1]):
            near = x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1]
            square[:, c] = (near**2).sum(1)
        return (x / (bias + alpha / size * square) ** beta,)


class LpNormalization(OpRun):
    def _run(self, x: np.ndarray, axis: int, p: int) -> tuple[np.ndarray]:
        return (x / (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p),)


class MeanVarianceNormalization(OpRun):
    def _run(self, x: np.ndarray, axes: list[int]) -> tuple[np.ndarray]:
        centred = x - x.mean(tuple(axes), keepdims=True)
        return (centred / (np.sqrt((centred**2).mean(tuple(axes), keepdims=True)) + 1e-9),)


class ConvTranspose(OpRun):
    """Element by element; the evaluator's own knows no groups of several channels and no output_shape."""

    def _run(
        self,
        x: np.ndarray,
        w: np.ndarray,
        bias: np.ndarray | None = None,
        auto_pad: str = "NOTSET",
        dilations: list[int] | None = None,
        group: int = 1,
        kernel_shape: list[int] | None = None,
        output_padding: list[int] | None = None,
        output_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[np.ndarray]:
        kernel, size, rank = np.array(w.shape[2:]), np.array(x.shape[2:]), x.ndim - 2
        s, d = np.array(strides or [1] * rank), np.array(dilations or [1] * rank)
        full = s * (size - 1) + d * (kernel - 1) + 1 + np.array(output_padding or [0] * rank)
        if auto_pad.startswith("SAME") or output_shape:
            total = full - (np.array(output_shape) if output_shape else size * s)
            before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            after = total - before
        else:
            before, after = np.array(pads or [0] * 2 * rank).reshape(2, rank)
        each, m = x.shape[1] // group, w.shape[1]
        y = np.zeros((x.shape[0], m * group, *full), x.dtype)
        for u in np.ndindex(*kernel):
            at = tuple(slice(a * b, a * b + c * (n - 1) + 1, c) for a, b, c, n in zip(u, d, s, size, strict=True))
            for g in range(group):
                of, to = slice(g * each, (g + 1) * each), slice(g * m, (g + 1) * m)
                y[(slice(None), to, *at)] += np.einsum("nc...,cm->nm...", x[:, of], w[(of, slice(None), *u)])
        inner = tuple(slice(b, n - a) for b, a, n in zip(before, after, full, strict=True))
        y = y[(slice(None), slice(None), *inner)]
        return (y if bias is None else y + bias.reshape(-1, *[1] * rank),)


class GatherElements(OpRun):
    """The evaluator's own wants indices as wide as the data."""

    def _run(self, x: np.ndarray, index: np.ndarray, axis: int = 0) -> tuple[np.ndarray]:
        axis %= x.ndim
        part = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(index.shape))
        return (np.take_along_axis(x[part], index, axis),)


class GlobalLpPool(OpRun):
    def _run(self, x: np.ndarray, p: int = 2) -> tuple[np.ndarray]:
        return ((np.abs(x) ** p).sum(tuple(range(2, x.ndim)), keepdims=True) ** (1 / p),)


class GridSample(OpRun):
    """Sample by sample; the evaluator's own computes the places in float32."""

    def _run(
        self,
        x: np.ndarray,
        grid: np.ndarray,
        align_corners: int = 0,
        mode: str = "linear",
        padding_mode: str = "zeros",
    ) -> tuple[np.ndarray]:
        size = np.array(x.shape[2:])
        low, high = (0 * size, size - 1) if align_corners else (-0.5 + 0 * size, size - 0.5)
        at = (grid[..., ::-1] + 1) / 2 * (high - low) + low
        y = np.zeros((x.shape[0], x.shape[1], *grid.shape[1:-1]), x.dtype)
        for n, *p in np.ndindex(grid.shape[:-1]):
            c = at[(n, *p)]
            first = np.rint(c) if mode == "nearest" else np.floor(c) - mode.endswith("cubic")
            taps = 1 if mode == "nearest" else 4 if mode.endswith("cubic") else 2
            for step in np.ndindex(*[taps] * len(size)):
                weight = np.prod([self._weight(mode, abs(d)) for d in first + step - c])
                place = [self._pixel(padding_mode, *line) for line in zip(first + step, low, high, size, strict=True)]
                if -1 not in place:
                    y[(n, slice(None), *p)] += weight * x[(n, slice(None), *place)]
        return (y,)

    @staticmethod
    def _weight(mode: str, d: float, a: float = -0.75) -> float:
        if mode.endswith("cubic"):
            return (a + 2) * d**3 - (a + 3) * d**2 + 1 if d < 1 else a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        return 1 if mode == "nearest" else 1 - d

    @staticmethod
    def _pixel(padding: str, at: float, low: float, high: float, size: int) -> int:
        """Return the element that stands for a place, or -1 for nothing."""
        if padding == "zeros":
            return int(at) if 0 <= at < size else -1
        while padding == "reflection" and size > 1 and not low <= at <= high:
            at = 2 * low - at if at < low else 2 * high - at
        return int(np.clip(at, 0, size - 1))


class MaxRoiPool(OpRun):
    """Bin by bin, as Caffe's ROIPooling, of which ONNX says nothing in detail; the evaluator has none."""

    def _run(self, x: np.ndarray, rois: np.ndarray, pooled_shape: list[int], spatial_scale: float) -> tuple[np.ndarray]:
        y = np.zeros((len(rois), x.shape[1], *pooled_shape), x.dtype)
        for r, (picture, x1, y1, x2, y2) in enumerate(rois):
            for place in np.ndindex(*pooled_shape):
                part = [slice(None)]
                for k, n, size, *sides in zip(place, pooled_shape, x.shape[2:], (y1, x1), (y2, x2), strict=True):
                    start, end = (math.copysign(math.floor(abs(v * spatial_scale) + 0.5), v) for v in sides)
                    wide = max(end - start + 1, 1) / n
                    ends = (math.floor(k * wide) + start, math.ceil((k + 1) * wide) + start)
                    part.append(slice(*(int(min(max(v, 0), size)) for v in ends)))
                inside = x[int(picture)][tuple(part)]
                if inside.size:
                    y[(r, slice(None), *place)] = inside.max((1, 2))
        return (y,)


class RoiAlign(OpRun):
    """Sample by sample; the evaluator's own takes what half pixels mean for old operator sets too."""

    def _run(
        self,
        x: np.ndarray,
        rois: np.ndarray,
        pictures: np.ndarray,
        coordinate_transformation_mode: str,
        mode: str,
        output_height: int,
        output_width: int,
        sampling_ratio: int,
        spatial_scale: float,
    ) -> tuple[np.ndarray]:
        half = coordinate_transformation_mode == "half_pixel" and self.run_params["opsets"][""] >= 16
        bins = np.array([output_height, output_width])
        y = np.zeros((len(rois), x.shape[1], *bins), x.dtype)
        for r, picture in enumerate(pictures):
            start, end = (rois[r, [1 + c, c]] * spatial_scale - half / 2 for c in (0, 2))
            wide = (end - start if half else np.maximum(end - start, 1)) / bins
            taken = np.full(2, sampling_ratio) if sampling_ratio else np.ceil(wide).astype(int)
            for place in np.ndindex(*bins):
                read = [
                    corners
                    for sample in np.ndindex(*np.maximum(taken, 0))
                    for corners in [
                        self._corners(x[picture], start + (place + (np.array(sample) + 0.5) / taken) * wide)
                    ]
                ]
                if read:
                    sums = np.sum(read, (0, 1)) / len(read) if mode == "avg" else np.max(read, (0, 1))
                    y[(r, slice(None), *place)] = sums
        return (y,)

    @staticmethod
    def _corners(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the four pixels around a place, each times its weight: [4, C]."""
        size = np.array(picture.shape[1:])
        if (at < -1).any() or (at > size).any():
            return np.zeros((4, len(picture)), picture.dtype)
        at = np.clip(at, 0, size - 1)
        low = np.floor(at).astype(int)
        high, rest = np.minimum(low + 1, size - 1), at - low
        return np.array(
            [np.prod(np.where(up, rest, 1 - rest)) * picture[:, *np.where(up, high, low)] for up in np.ndindex(2, 2)]
        )


EXACT = [
    AffineGrid,
    ConvTranspose,
    Erf,
    Gelu,
    GatherElements,
    GlobalLpPool,
    GridSample,
    GroupNormalization,
    LRN,
    LpNormalization,
    MaxRoiPool,
    MeanVarianceNormalization,
    RoiAlign,
]
