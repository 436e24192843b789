"""Operators in float64 for which ONNX's reference evaluator computes in float32, fails, or is wrong."""

from __future__ import annotations

import math

import numpy as np
from onnx.reference.op_run import OpRun

from tests.gradient.exact_places import DeformConv, GridSample, MaxRoiPool, RoiAlign

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
        return (x / (bias + float(alpha) / size * square) ** beta,)


class LpNormalization(OpRun):
    def _run(self, x: np.ndarray, axis: int, p: int) -> tuple[np.ndarray]:
        return (x / (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p),)


class MeanVarianceNormalization(OpRun):
    def _run(self, x: np.ndarray, axes: list[int]) -> tuple[np.ndarray]:
        centred = x - x.mean(tuple(axes), keepdims=True)
        return (centred / (np.sqrt((centred**2).mean(tuple(axes), keepdims=True)) + 1e-9),)


class ConvTranspose(OpRun):
    """Computed element by element; the evaluator's lacks groups of several channels and output_shape."""

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
    """GatherElements with any number of indices; the evaluator's needs as many as the data has elements."""

    def _run(self, x: np.ndarray, index: np.ndarray, axis: int = 0) -> tuple[np.ndarray]:
        axis %= x.ndim
        part = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(index.shape))
        return (np.take_along_axis(x[part], index, axis),)


class GlobalLpPool(OpRun):
    def _run(self, x: np.ndarray, p: int = 2) -> tuple[np.ndarray]:
        return ((np.abs(x) ** p).sum(tuple(range(2, x.ndim)), keepdims=True) ** (1 / p),)


EXACT = [
    AffineGrid,
    ConvTranspose,
    DeformConv,
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
