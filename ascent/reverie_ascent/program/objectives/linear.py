"""Scores after Lucid (optvis/objectives.py, objectives_util.py), and cosine similarity.

With x the activation at a position, v the term's vector of one number per channel and p its weight of the position,

    linear     sum over positions of p dot(x, v)                channel, neuron, logit, direction
    cosine     sum over positions of p dot(x, v) max(0.1, cos(x, v)) ** power
    similarity sum over positions of p cos(x, v)                for embeddings: Lucent's direction
    squares    mean of x^2                                      layer: DeepDream
    region     sum over positions of p times the mean over channels of x^2

A layer without positions counts as one with a single position.
"""

from __future__ import annotations

import numpy as np

from reverie_ascent.program.objectives.activation import TINY, Activation, Score, number

COSINE_FLOOR = 0.1
EPSILON = 1e-4  # Lucid's

FLOORED = """
    over = Sub(cosine, floor)
    over_or_none = Relu(over)
    floored = Add(over_or_none, floor)
    factor = Pow(floored, power)
    """


def weighted(a: Activation) -> dict[str, str]:
    """Return the inputs of forms with a vector and weights of positions."""
    return {"vector": f"float[{a.batch}, 1, {a.channels}]", "position": f"float[{a.batch}, {a.positions}, 1]"}


def linear(a: Activation) -> Score:
    """Return the dot product."""
    return Score(
        """
        points = Reshape(activation, flat)
        seen = MatMul(points, position)
        product = MatMul(vector, seen)
        plain = Reshape(product, line)
        """,
        weighted(a),
        {"flat": a.flat, "line": np.array([a.batch])},
    )


def cosine(a: Activation) -> Score:
    """Return the dot product times a power of the cosine similarity."""
    return Score(
        _cosine(1)
        + FLOORED
        + """
        each = Mul(product, factor)
        seen = MatMul(each, position)
        plain = Reshape(seen, line)
        """,
        weighted(a) | {"power": f"float[{a.batch}, 1, 1]"},
        _constants(a) | {"floor": number(COSINE_FLOOR)},
    )


def similarity(a: Activation) -> Score:
    """Return the cosine similarity."""
    return Score(
        _cosine(0) + "seen = MatMul(cosine, position) plain = Reshape(seen, line)",
        weighted(a),
        _constants(a) | {"own_tiny": number(TINY)},
    )


def squares(a: Activation) -> Score:
    """Return the mean of the squares."""
    return Score(
        """
        square = Mul(activation, activation)
        plain = ReduceMean <keepdims = 0> (square, axes)
        """,
        constants={"axes": np.arange(1, len(a.shape))},
    )


def region(a: Activation) -> Score:
    """Return the mean of the squares at some positions."""
    return Score(
        """
        points = Reshape(activation, flat)
        square = Mul(points, points)
        mean = ReduceMean <keepdims = 1> (square, channels)
        seen = MatMul(mean, position)
        plain = Reshape(seen, line)
        """,
        {"position": weighted(a)["position"]},
        {"flat": a.flat, "line": np.array([a.batch]), "channels": np.array([1])},
    )


def _cosine(lucid: int) -> str:
    """Return the nodes of the product and the cosine; ``lucid`` adds Lucid's epsilon to both lengths."""
    lengths = (
        """
        long = Add(length, epsilon)
        own_squares = Mul(vector, vector)
        own_square = ReduceSum <keepdims = 1> (own_squares, last)
        own_length = Sqrt(own_square)
        own_long = Add(own_length, epsilon)
        """
        if lucid
        else """
        long = Identity(length)
        own_squares = Mul(vector, vector)
        own_square = ReduceSum <keepdims = 1> (own_squares, last)
        own_raised = Add(own_square, own_tiny)
        own_long = Sqrt(own_raised)
        """
    )
    return (
        """
        points = Reshape(activation, flat)
        product = MatMul(vector, points)

        squares = Mul(points, points)
        square = ReduceSum <keepdims = 1> (squares, channels)
        raised = Add(square, tiny)
        length = Sqrt(raised)
        """
        + lengths
        + """
        part = Div(product, long)
        cosine = Div(part, own_long)
        """
    )


def _constants(a: Activation) -> dict[str, np.ndarray]:
    return {
        "flat": a.flat,
        "line": np.array([a.batch]),
        "channels": np.array([1]),
        "last": np.array([2]),
        "tiny": number(TINY),
        "epsilon": number(EPSILON),
    }
