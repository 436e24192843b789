"""Scores of the pictures of a group, one for each render, after Lucid (optvis/objectives.py). Views are averaged.

With G pictures, x_i the activation of picture i [C, positions] and M_i = x_i x_i' its Gram matrix,

    diversity  minus the sum over i and j != i of <M_i, M_j> / (|M_i| |M_j|), divided by G
    alignment  minus the sum over d = 1 to 4 and all i of mean((x_i - x_(i+d))^2) / decay^d

The sum over pairs is |sum of all|^2 minus the sum of |each|^2. Lucid keeps the square of a length above 1e-10, Lucent a
length above 1e-12.
"""

from __future__ import annotations

import numpy as np

from reverie_ascent.program.objectives.activation import Activation, Score, number

LUCID_FLOOR, LUCENT_FLOOR = 1e-10, 1e-24
APART = 4


def diversity(a: Activation) -> Score:
    """Return minus the likeness of Gram matrices, with Lucid's least length."""
    return _diversity(a, LUCID_FLOOR)


def lucent_diversity(a: Activation) -> Score:
    """Return the same with Lucent's least length."""
    return _diversity(a, LUCENT_FLOOR)


def _diversity(a: Activation, floor: float) -> Score:
    n, g, k, c = a.renders, a.group, a.views, a.channels
    return Score(
        """
        points = Reshape(activation, flat)
        across = Transpose <perm = [0, 2, 1]> (points)
        gram = MatMul(points, across)
        lines = Reshape(gram, grouped)
        gram_squares = Mul(lines, lines)
        power = ReduceSum <keepdims = 1> (gram_squares, numbers)
        least = Max(power, floor)
        length = Sqrt(least)
        unit = Div(lines, length)
        total = ReduceSum <keepdims = 0> (unit, pictures)
        total_squares = Mul(total, total)
        all = ReduceSum <keepdims = 0> (total_squares, rest)
        unit_squares = Mul(unit, unit)
        own = ReduceSum <keepdims = 0> (unit_squares, every)
        pairs = Sub(own, all)
        plain = Div(pairs, share)
        """,
        constants={
            "flat": a.flat,
            "grouped": np.array([n, g, k, c * c]),
            "numbers": np.array([3]),
            "pictures": np.array([1]),
            "rest": np.array([1, 2]),
            "every": np.array([1, 2, 3]),
            "floor": number(floor),
            "share": number(g * k),
        },
        of_group=True,
    )


def alignment(a: Activation) -> Score:
    """Return minus the weighted differences of neighbouring pictures; the input decay [N, 1] is a base."""
    numbers = a.views * a.channels * a.positions
    body, parts = "rows = Reshape(activation, grouped)\n", []
    constants: dict[str, np.ndarray] = {
        "grouped": np.array([a.renders, a.group, numbers]),
        "axis": np.array([1]),
        "both": np.array([1, 2]),
        "count": number(numbers),
    }
    for d in range(1, min(APART, a.group - 1) + 1):
        constants |= {f"first{d}": np.array([0]), f"last{d}": np.array([a.group - d])}
        constants |= {f"begin{d}": np.array([d]), f"end{d}": np.array([a.group]), f"power{d}": number(-d)}
        body += f"""
            left{d} = Slice(rows, first{d}, last{d}, axis)
            right{d} = Slice(rows, begin{d}, end{d}, axis)
            difference{d} = Sub(left{d}, right{d})
            squares{d} = Mul(difference{d}, difference{d})
            sum{d} = ReduceSum <keepdims = 0> (squares{d}, both)
            mean{d} = Div(sum{d}, count)
            less{d} = Pow(decay, power{d})
            part{d} = Mul(mean{d}, less{d})
            """
        parts.append(f"part{d}")
    body += f"total = Sum({', '.join(parts)}) plain = Neg(total)"
    return Score(body, {"decay": f"float[{a.renders}]"}, constants, of_group=True)
