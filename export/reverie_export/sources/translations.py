"""Operations of torch whose usual translation to ONNX holds for one size or one rank only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir


def exact_average_pool(self: Any, output_size: Sequence[int]) -> Any:
    """Adaptive average pooling to k x k, for maps whose sides are multiples of k: the mean of equal blocks.

    Only reshapes and means, so height and width may stay symbolic: rows are split in k and averaged, then columns.
    """
    from onnxscript import opset18 as op

    rows, columns = output_size
    if rows == columns == 1:
        return op.GlobalAveragePool(self)
    channels = self.shape[1]
    y = op.Reshape(self, op.Constant(value_ints=[0, channels * rows, -1, 0]))
    y = op.ReduceMean(y, op.Constant(value_ints=[2]), keepdims=0)
    y = op.Reshape(y, op.Constant(value_ints=[0, channels * rows * columns, -1]))
    y = op.ReduceMean(y, op.Constant(value_ints=[2]), keepdims=0)
    return op.Reshape(y, op.Constant(value_ints=[0, channels, rows, columns]))


def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``softmax(scale * query key^T + mask) value``, for [..., L, E] of any rank; dropout is for training."""
    from onnxscript import opset18 as op

    if is_causal or enable_gqa:
        raise ValueError("attention that is causal or of grouped queries is for language, and not translated")
    rank, features = len(query.shape), query.shape[-1]
    half = op.Constant(value_float=math.sqrt(1 / math.sqrt(features) if scale is None else scale))
    turned = op.Transpose(key, perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = op.MatMul(op.Mul(query, half), op.Mul(turned, half))  # half of the scale for each: products stay small
    if attn_mask is not None and attn_mask.dtype == ir.DataType.BOOL:
        attn_mask = op.Where(attn_mask, op.Constant(value_float=0.0), op.Constant(value_float=-math.inf))
    if attn_mask is not None:
        scores = op.Add(scores, attn_mask)
    return op.MatMul(op.Softmax(scores, axis=-1), value)
