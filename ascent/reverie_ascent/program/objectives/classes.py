"""Scores of a softmax over the channels at each position, with v the term's vector and p its weight of the position.

    probability    sum over positions of p dot(softmax(x), v)
    cross_entropy  sum over positions of p dot(log softmax(x), v)
    divergence     sum over positions of -p KL(v || softmax(x)) = p (dot(v, log softmax(x)) - dot(v, log v))

The last differs from the second by a number that does not depend on x, the entropy of v, which is an input.
"""

from __future__ import annotations

import numpy as np

from reverie_ascent.program.objectives.activation import Activation, Score
from reverie_ascent.program.objectives.linear import weighted


def probability(a: Activation) -> Score:
    """Return the probability of a class."""
    return _softmax(a, "Softmax", "plain = Reshape(product, line)")


def cross_entropy(a: Activation) -> Score:
    """Return the logarithm of the probability of a class."""
    return _softmax(a, "LogSoftmax", "plain = Reshape(product, line)")


def divergence(a: Activation) -> Score:
    """Return minus the divergence from given probabilities."""
    score = _softmax(a, "LogSoftmax", "crossed = Reshape(product, line) plain = Add(crossed, entropy)")
    return Score(score.body, {**score.inputs, "entropy": f"float[{a.batch}]"}, score.constants)


def _softmax(a: Activation, operator: str, end: str) -> Score:
    body = f"""
        points = Reshape(activation, flat)
        chances = {operator} <axis = 1> (points)
        seen = MatMul(chances, position)
        product = MatMul(vector, seen)
        {end}
        """
    return Score(body, weighted(a), {"flat": a.flat, "line": np.array([a.batch])})
