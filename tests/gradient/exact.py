"""Operators in float64, where ONNX's reference evaluator computes in float32, refuses, or errs."""

from __future__ import annotations

import math

import numpy as np
from onnx.reference.op_run import OpRun

erf = np.vectorize(math.erf, otypes=[np.float64])


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


EXACT = [Erf, Gelu, GroupNormalization, LRN, LpNormalization, MeanVarianceNormalization]
