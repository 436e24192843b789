"""Operators that sample a picture between its pixels, in float64: see exact.py."""

from __future__ import annotations

import math

import numpy as np
from onnx.reference.op_run import OpRun


class DeformConv(OpRun):
    """Computed position by position; the evaluator's computes the positions in float32."""

    def _run(
        self,
        x: np.ndarray,
        w: np.ndarray,
        offset: np.ndarray,
        bias: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        dilations: list[int] | None = None,
        group: int = 1,
        kernel_shape: list[int] | None = None,
        offset_group: int = 1,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[np.ndarray]:
        (n, c, *size), (m, _, *kernel), outputs = x.shape, w.shape, offset.shape[2:]
        s, d, p = (np.array(v[:2] if v else default) for v, default in ((strides, 1), (dilations, 1), (pads, 0)))
        moved = offset.reshape(n, offset_group, *kernel, 2, *outputs)
        factor = np.ones((n, offset_group, *kernel, *outputs)) if mask is None else mask
        factor = factor.reshape(n, offset_group, *kernel, *outputs)
        column, each = np.zeros((n, c, *kernel, *outputs), x.dtype), c // offset_group
        for b, g, *tap, i, j in np.ndindex(factor.shape):
            at = s * (i, j) + d * tap - p + moved[(b, g, *tap, slice(None), i, j)]
            channels = slice(g * each, (g + 1) * each)
            for up in np.ndindex(2, 2):
                pixel = np.floor(at).astype(int) + up
                if (pixel >= 0).all() and (pixel < size).all():
                    share = np.prod(1 - np.abs(pixel - at)) * factor[(b, g, *tap, i, j)]
                    column[(b, channels, *tap, i, j)] += share * x[(b, channels, *pixel)]
        rows = column.reshape(n, group, -1, math.prod(outputs))
        y = np.einsum("ngko,gmk->ngmo", rows, w.reshape(group, m // group, -1)).reshape(n, m, *outputs)
        return (y if bias is None else y + bias.reshape(-1, 1, 1),)


class GridSample(OpRun):
    """Computed sample by sample; the evaluator's computes the positions in float32."""

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
        """Return the element for a position, or -1 if there is none."""
        if padding == "zeros":
            return int(at) if 0 <= at < size else -1
        while padding == "reflection" and size > 1 and not low <= at <= high:
            at = 2 * low - at if at < low else 2 * high - at
        return int(np.clip(at, 0, size - 1))


class MaxRoiPool(OpRun):
    """Computed bin by bin as Caffe's ROIPooling, because ONNX gives no details and the evaluator lacks it."""

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
    """Computed sample by sample; the evaluator's uses half pixels for old operator sets too."""

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
