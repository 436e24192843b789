"""Attention and RotaryEmbedding in simpler operators: common cases, with fewer nodes than ONNX's own definitions.

The recurrent layers, which ONNX does not define in terms of others, are in `recurrent`.

A definition receives a ``Call`` without gradients and returns the values of the outputs, or None where ONNX's own
definition is to be used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_gradient.gathering import arange
from reverie_gradient.recurrent import gru, lstm, rnn
from reverie_gradient.shapes import count, sizes, static_dims
from reverie_gradient.table import Call
from reverie_gradient.term import Term

Definition: TypeAlias = Callable[[Call], "Sequence[Term] | None"]

# ----- Attention -----


def attention(call: Call) -> Sequence[Term] | None:
    """Return softmax(scale q kᵀ + bias) v, and the keys and values with those of the past in front."""
    heads = _heads(call)
    if heads is None or _is_unusual(call):
        return None
    q, k, v = (call.input(i) for i in range(3))
    flat = q.rank == 3
    if flat:
        q, k, v = (_part(t, n) for t, n in ((q, heads[0]), (k, heads[1]), (v, heads[1])))
    if call.has(4):
        k, v = (call.input(i).apply("Concat", t, axis=2) for i, t in ((4, k), (5, v)))
    # Several heads of queries may share one of keys and values.
    shared = np.repeat(np.arange(heads[1]), heads[0] // heads[1])
    keys, values = (t if heads[0] == heads[1] else t.apply("Gather", shared, axis=1) for t in (k, v))

    scale = call.number("scale", 0.0) or _root_of_width(call, heads[0])
    scores = (q * scale) @ keys.apply("Transpose", perm=[0, 1, 3, 2])
    y = _attention_weights(call, scores) @ values
    if flat:
        y = y.apply("Transpose", perm=[0, 2, 1, 3]).apply("Reshape", [0, 0, -1])
    return [y, k, v]


def _heads(call: Call) -> tuple[int, int] | None:
    """Return how many heads of queries there are, and how many of keys and values."""
    if call.x.rank == 3:
        return call.integer("q_num_heads", 0), call.integer("kv_num_heads", 0)
    q, k = static_dims(call.x, [1]), static_dims(call.input(1), [1])
    return None if q is None or k is None else (q[0], k[0])


def _is_unusual(call: Call) -> bool:
    options = ("softmax_precision", "softcap", "left_window_size", "right_window_size")
    scores = len(call.outputs) > 3
    return scores or call.has(6) or any(name in call.node.attributes for name in options)


def _part(x: Term, heads: int) -> Term:
    """Turn [N, tokens, heads * width] into [N, heads, tokens, width]."""
    return x.apply("Reshape", [0, 0, heads, -1]).apply("Transpose", perm=[0, 2, 1, 3])


def _root_of_width(call: Call, heads: int) -> Term | float:
    """Return 1 / sqrt(width of a head)."""
    width = count(call.x, [call.x.rank - 1], call.x.dtype)
    if call.x.rank == 3:
        width = width / float(heads)
    return 1 / width.apply("Sqrt") if isinstance(width, Term) else float(width**-0.5)


def _attention_weights(call: Call, scores: Term) -> Term:
    """Return the attention weights: the softmax of ``scores`` under the mask."""
    bias = _causal_bias(call) if call.integer("is_causal", 0) else None
    if not call.has(3):
        return (scores if bias is None else scores + bias).apply("Softmax", axis=-1)
    mask = call.input(3)
    if mask.dtype == ir.DataType.BOOL:
        mask = mask.apply("Where", scores.constant(0.0), -np.inf)
    bias = mask if bias is None else mask + bias
    # The weights of a token whose keys are all masked are zero; their softmax would be NaN, from inf - inf.
    seen = bias.apply("Greater", -np.inf).apply("Cast", to=int(bias.dtype))
    masked = seen.apply("ReduceSum", [-1], keepdims=1).apply("Equal", 0.0)
    weights = (scores + masked.apply("Where", bias.constant(0.0), bias)).apply("Softmax", axis=-1)
    return masked.apply("Where", weights.constant(0.0), weights)


def _causal_bias(call: Call) -> Term:
    """Return a matrix with -inf where the key comes later than the query, and 0 elsewhere."""
    q, k, axis = call.x, call.input(1), call.x.rank - 2
    rows, columns = sizes(q, [axis]), sizes(k, [axis])
    start: Term | float = 0.0
    if call.has(4):
        start = sizes(call.input(4), [2])
        columns = columns + start
    row, column = arange(rows), arange(columns)
    if isinstance(start, Term):
        row = row + start
    later = row.apply("Unsqueeze", [1]).apply("Less", column)
    bias = later.apply("Where", q.constant(-np.inf), 0.0)
    # Shape inference does not evaluate the ranges, and the gradient of a sum needs to know what was broadcast.
    if not call.has(4):
        bias.value.type, bias.value.shape = ir.TensorType(q.dtype), ir.Shape([q.dims[axis], k.dims[axis]])
    return bias


# ----- RotaryEmbedding -----


def rotary_embedding(call: Call) -> Sequence[Term] | None:
    """Turn pairs of numbers, (a, b) to (a cos - b sin, a sin + b cos), by angles that depend on the token."""
    x, flat = call.x, call.x.rank == 3
    width = call.integer("rotary_embedding_dim", 0)
    known = static_dims(x, [x.rank - 1])
    if known is None:
        return None
    heads = call.integer("num_heads", 0)
    full = known[0] // heads if flat else known[0]
    if flat:  # [N, tokens, heads, width]; otherwise [N, heads, tokens, width]
        x = x.apply("Reshape", [0, 0, heads, -1])
    width = width or full
    half, axis = width // 2, np.array([3], np.int64)

    def cut(start: int, end: int, step: int = 1) -> Term:
        return x.apply("Slice", *([n] for n in (start, end, 3, step)))

    paired = bool(call.integer("interleaved", 0))
    a, b = (cut(0, width, 2), cut(1, width, 2)) if paired else (cut(0, half), cut(half, width))
    cos, sin = (_angles(call, i, half).apply("Unsqueeze", [2 if flat else 1]) for i in (1, 2))
    turned = a * cos - b * sin, a * sin + b * cos
    if paired:
        one, two = (t.apply("Unsqueeze", axis + 1) for t in turned)
        y = one.apply("Concat", two, axis=4).apply("Reshape", [0, 0, 0, width])
    else:
        y = turned[0].apply("Concat", turned[1], axis=3)
    if width < full:
        y = y.apply("Concat", cut(width, full), axis=3)
    return [y.apply("Reshape", [0, 0, -1]) if flat else y]


def _angles(call: Call, index: int, half: int) -> Term:
    """Return the cosines or sines, [N, tokens, half]."""
    cache = call.input(index)
    if call.has(3):
        cache = cache.apply("Gather", call.input(3))
    return cache.apply("Slice", *([n] for n in (0, half, 2)))


DEFINITIONS: dict[str, Definition] = {
    "Attention": attention,
    "GRU": gru,
    "LSTM": lstm,
    "RNN": rnn,
    "RotaryEmbedding": rotary_embedding,
}
