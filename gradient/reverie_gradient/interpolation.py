"""Interpolation as matrices: the weight of each element along an axis in each sample.

The matrices are computed in the graph from the coordinates of the samples, by a few operators on small tensors.
Runtimes fold them into constants if all sizes are known. The gradient is a product with their transposes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_gradient.term import Term


@dataclass(frozen=True)
class Kernel:
    """The weight of an element by its distance from the sample (element minus sample), zero beyond ``support``.

    ``slope`` is the derivative of the weight by the place of the sample, None if that is zero almost everywhere.
    """

    support: int
    weight: Callable[[Term], Term]
    slope: Callable[[Term], Term] | None = None


def linear() -> Kernel:
    """Return the weights of linear interpolation; on an element, the slope is that to its right."""

    def slope(d: Term) -> Term:
        behind = d.apply("Greater", 0.0).apply("And", d.apply("Greater", 1.0).apply("Not"))
        before = d.apply("Greater", -1.0).apply("And", d.apply("Greater", 0.0).apply("Not"))
        return behind.apply("Cast", to=int(d.dtype)) - before.apply("Cast", to=int(d.dtype))

    return Kernel(1, lambda d: (1 - d.apply("Abs")).apply("Max", 0.0), slope)


def cubic(a: float) -> Kernel:
    """Return the weights of cubic convolution (Keys 1981), with slope ``a`` at distance 1."""

    def weight(d: Term) -> Term:
        t = d.apply("Abs")
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return t.apply("Less", 1.0).apply("Where", near, t.apply("Less", 2.0).apply("Where", far, 0.0))

    def slope(d: Term) -> Term:
        t = d.apply("Abs")
        near = (3 * (a + 2) * t - 2 * (a + 3)) * t
        far = (3 * a * t - 10 * a) * t + 8 * a
        outward = t.apply("Less", 1.0).apply("Where", near, t.apply("Less", 2.0).apply("Where", far, 0.0))
        return -d.apply("Sign") * outward

    return Kernel(2, weight, slope)


def nearest(mode: str) -> Kernel:
    """Return weight 1 for the element that ``mode`` rounds to."""
    low, high, upper = {
        "floor": (-1.0, 0.0, True),
        "ceil": (0.0, 1.0, False),
        "round_prefer_floor": (-0.5, 0.5, False),
        "round_prefer_ceil": (-0.5, 0.5, True),
    }[mode]

    def weight(d: Term) -> Term:
        if upper:  # low < d <= high
            inside = d.apply("Greater", low).apply("And", d.apply("Greater", high).apply("Not"))
        else:  # low <= d < high
            inside = d.apply("Less", low).apply("Not").apply("And", d.apply("Less", high))
        return inside.apply("Cast", to=int(d.dtype))

    return Kernel(1, weight)


def places(first: int, count: Term, dtype: ir.DataType) -> Term:
    """Return first, first + 1, ... as real numbers; ``count`` is a vector of one number, how many."""
    start = count.constant(np.int64(first))
    return start.apply("Range", count.apply("Squeeze") + first, count.constant(np.int64(1))).apply(
        "Cast", to=int(dtype)
    )


def folded(margin: int, size: Term, dtype: ir.DataType, fold: Callable[[Term, Term], Term]) -> Term:
    """Return the matrix [size + 2 margin, size] that says which element stands for each place from -margin on.

    ``fold`` maps a place to an element, given the index of the last one.
    """
    outer = places(-margin, size + 2 * margin, dtype)
    inner = places(0, size, dtype)
    at = fold(outer, size.apply("Cast", to=int(dtype)) - 1)
    return at.apply("Unsqueeze", [1]).apply("Equal", inner).apply("Cast", to=int(dtype))


def to_edge(at: Term, last: Term) -> Term:
    """Take the nearest element for a place outside."""
    return at.apply("Max", 0.0).apply("Min", last)


def reflected(at: Term, low: float, span: Term) -> tuple[Term, Term]:
    """Reflect places at ``low`` and at ``low + span``; return them and their derivatives, 1 or -1."""
    over = at - low
    away = over.apply("Abs")
    turns = (away / span).apply("Floor")
    rest, odd = away - turns * span, _odd(turns)
    return odd.apply("Greater", 0.0).apply("Where", span - rest, rest) + low, over.apply("Sign") * (1 - 2 * odd)


def rounded(at: Term) -> Term:
    """Take the nearest whole number, and of two equally near ones the even."""
    below = at.apply("Floor")
    rest = at - below
    further = rest.apply("Greater", 0.5).apply("Cast", to=int(at.dtype))
    return below + rest.apply("Equal", 0.5).apply("Where", _odd(below), further)


def _odd(whole: Term) -> Term:
    return whole - 2 * (whole / 2).apply("Floor")
