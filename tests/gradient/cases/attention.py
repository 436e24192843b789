"""Cases of attention and of rotary embeddings, which are differentiated through their definitions."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

QUERY, KEY, VALUE = "2,2,3,4", "2,2,5,4", "2,2,5,3"
MASK = "m = Constant <value = bool[3, 5] {1,1,0,1,0, 0,0,0,0,0, 1,0,0,0,1}> ()"
BIAS = "m = Constant <value = T_[1, 2, 1, 5] {1, 0, -2, 0, 0.5, 0, 0, 0.25, 1, -1}> ()"
ANGLES = (
    "p = Constant <value = int64[2, 3] {0, 4, 1, 2, 2, 3}> () "
    "t = Constant <value = T_[5, 2] {0, 0, 0.5, 0.1, 1, 0.2, 1.5, 0.3, 2, 0.4}> () c = Cos(t) s = Sin(t)"
)


def attention(body: str, q: str = QUERY, k: str = KEY, v: str = VALUE, *, free: str = "XBC") -> Case:
    return Case(body, x=q, b=k, c=v, opsets=(23, 28), free=free)


CASES = [
    attention("Y = Attention(X, B, C)"),
    attention("Y = Attention <scale = 0.3, is_causal = 1> (X, B, C)"),
    attention("Y = Attention <q_num_heads = 4, kv_num_heads = 2> (X, B, C)", "2,3,8", "2,5,4", "2,5,6", free=""),
    attention("Y = Attention <is_causal = 1> (X, B, C)", "1,4,3,2", "1,2,4,2", "1,2,4,2"),
    attention(f"{MASK} Y = Attention(X, B, C, m)", free=""),
    attention(f"{MASK} Y = Attention <is_causal = 1> (X, B, C, m)", free=""),
    attention(f"{BIAS} Y = Attention(X, B, C, m)", free=""),
    attention("Y, pk, pv = Attention <is_causal = 1> (X, B, C, , B, C)"),
    attention(
        "y, K, pv = Attention(X, B, C, , B, C) e = Exp(K) f = Flatten(e) g = Flatten(y) Y = Concat <axis = 1> (f, g)"
    ),
    attention("Y = Attention <softcap = 2.0> (X, B, C)"),  # ONNX's own definition
    Case(f"{ANGLES} Y = RotaryEmbedding(X, c, s, p)", x="2,2,3,4", opsets=(23, 28), free="X"),
    Case(f"{ANGLES} Y = RotaryEmbedding <interleaved = 1> (X, c, s, p)", x="2,2,3,4", opsets=(23, 28)),
    Case(
        f"{ANGLES} Y = RotaryEmbedding <num_heads = 2, rotary_embedding_dim = 4> (X, c, s, p)",
        x="2,3,12",
        opsets=(23, 28),
        free="",
    ),
    Case("Y = RotaryEmbedding(X, B, C)", x="2,2,3,4", b="2,3,2", c="2,3,2", opsets=(23, 28), free=""),
]
