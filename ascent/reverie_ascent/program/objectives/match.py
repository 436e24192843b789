"""Scores that compare a whole activation x with a given one, y, by all numbers of both.

l2          minus the mean over positions of the length of x - y
all_cosine  cos(x, y)
dot_cosine  dot(x, y) / (1e-6 + |y|) * max(0.1, cos(x, y)) ** power      Lucid's caricatures (recipes/caricature.py)
"""

from __future__ import annotations

import numpy as np

from reverie_ascent.program.objectives.activation import TINY, Activation, Score, number
from reverie_ascent.program.objectives.linear import COSINE_FLOOR, FLOORED

CARICATURE_EPSILON = 1e-6  # Lucid's


def l2(a: Activation) -> Score:
    """Return minus the distance."""
    return Score(
        """
        points = Reshape(activation, flat)
        difference = Sub(points, wanted)
        squares = Mul(difference, difference)
        square = ReduceSum <keepdims = 0> (squares, channels)
        raised = Add(square, tiny)
        length = Sqrt(raised)
        distance = ReduceMean <keepdims = 0> (length, channels)
        plain = Neg(distance)
        """,
        _wanted(a),
        {"flat": a.flat, "channels": np.array([1]), "tiny": number(TINY)},
    )


def all_cosine(a: Activation) -> Score:
    """Return the cosine similarity of both."""
    return Score(_whole() + "plain = Identity(cosine)", _wanted(a), _constants(a))


def dot_cosine(a: Activation) -> Score:
    """Return the dot product by Lucid's caricatures."""
    body = """
        own_more = Add(own_length, epsilon)
        dot = Div(product, own_more)
        plain = Mul(dot, factor)
        """
    constants = {"floor": number(COSINE_FLOOR), "epsilon": number(CARICATURE_EPSILON)}
    return Score(_whole() + FLOORED + body, _wanted(a) | {"power": f"float[{a.batch}]"}, _constants(a) | constants)


def _wanted(a: Activation) -> dict[str, str]:
    return {"wanted": f"float[{a.batch}, {a.channels}, {a.positions}]"}


def _whole() -> str:
    return """
        points = Reshape(activation, flat)
        products = Mul(points, wanted)
        product = ReduceSum <keepdims = 0> (products, both)
        squares = Mul(points, points)
        square = ReduceSum <keepdims = 0> (squares, both)
        raised = Add(square, tiny)
        length = Sqrt(raised)
        own_squares = Mul(wanted, wanted)
        own_square = ReduceSum <keepdims = 0> (own_squares, both)
        own_raised = Add(own_square, tiny)
        own_length = Sqrt(own_raised)
        part = Div(product, length)
        cosine = Div(part, own_length)
        """


def _constants(a: Activation) -> dict[str, np.ndarray]:
    return {"flat": a.flat, "both": np.array([1, 2]), "tiny": number(TINY)}
