"""Penalties on the picture x, of channels c and rows and columns y, x, as fragments with their gradients.

    l1                 sum |x - constant|
    l2                 sqrt(1e-6 + sum (x - constant)^2)
    l_infinity         max |x - constant|
    tv                 sum |down| + sum |across|, the differences of neighbours: total variation
    tv_mean            the same divided by the number of numbers
    tv_four_norm       |down| + |across| + |diagonal| + |other diagonal|, each the length of all differences
    tv_four_norm_mean  the mean over the channels of the same
    blur               sum (x - blurred x)^2 / 2, the blurred picture counted as a constant; its kernel of 3 x 3 has 1
                       in the middle and .5 around it, divided by the sum of those that lie inside
    spectral           mean over all frequencies f of |f|^2 |X(f)|^2, X the orthonormal Fourier transform

After Lucid (optvis/objectives.py: L1, L2, total_variation, blur_input_each_step), the recipe for vision transformers of
Ghiasi et al. 2022, and its parts. A length is the square root of 1e-12 and the sum of squares, so that a picture of one
colour has a gradient, 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.recipe.optimizer import PenaltyKind

L2_EPSILON = 1e-6  # Lucid's
TINY = 1e-12


@dataclass(frozen=True)
class _Measure:
    """The text of nodes from ``picture`` and ``constant`` [B, 1, 1, 1] to ``plain`` [B], and their constants.

    If ``fixed`` is not empty, the body also reads ``still``, the picture, whose gradient is not followed.
    """

    body: str
    constants: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    fixed: str = ""


def penalty(kind: PenaltyKind, shape: Sequence[int]) -> ir.Model:
    """Return the fragment picture [B, C, H, W], weight and constant [B] -> penalty [B], and picture_gradient.

    ``penalty`` is the weight times the measure, and ``picture_gradient`` the gradient of the sum of the penalties.
    """
    measure = PENALTIES[kind](tuple(shape))
    batch, picture = shape[0], f"float[{', '.join(map(str, shape))}]"
    fixed = f", {picture} still" if measure.fixed else ""
    model = fragment(
        f"{kind} ({picture} picture{fixed}, float[{batch}] weight, float[{batch}] constant)"
        f" => (float[{batch}] penalty)",
        f"level = Reshape(constant, each) {measure.body} penalty = Mul(weight, plain)",
        {"each": np.array([batch, 1, 1, 1]), **measure.constants},
    )
    graph = differentiate(model, of="penalty", wrt="picture").graph
    values = ir.convenience.create_value_mapping(graph)
    one = values["penalty_gradient"]
    one.const_value = ir.tensor(np.ones(batch, np.float32), name="penalty_gradient")
    graph.inputs.remove(one)
    graph.register_initializer(one)
    if measure.fixed:
        still = values["still"]
        graph.inputs.remove(still)
        ir.convenience.replace_all_uses_with(still, values["picture"])
    return model


AROUND = np.array([1, 2, 3])


def _l1(shape: tuple[int, ...]) -> _Measure:
    return _Measure(
        "away = Sub(picture, level) size = Abs(away) plain = ReduceSum <keepdims = 0> (size, axes)", {"axes": AROUND}
    )


def _l2(shape: tuple[int, ...]) -> _Measure:
    return _Measure(
        """
        away = Sub(picture, level)
        square = Mul(away, away)
        total = ReduceSum <keepdims = 0> (square, axes)
        raised = Add(total, epsilon)
        plain = Sqrt(raised)
        """,
        {"axes": AROUND, "epsilon": np.array(L2_EPSILON, np.float32)},
    )


def _l_infinity(shape: tuple[int, ...]) -> _Measure:
    return _Measure(
        "away = Sub(picture, level) size = Abs(away) plain = ReduceMax <keepdims = 0> (size, axes)", {"axes": AROUND}
    )


def _differences(shape: tuple[int, ...], *kinds: str) -> tuple[str, dict[str, npt.NDArray[np.generic]]]:
    """Return nodes of the differences down, across, and along both diagonals, and their constants."""
    _, _, height, width = shape
    #: For each kind the first rows and columns of both pictures; the second minus the first is the difference.
    corners = {"down": ((0, 0), (1, 0)), "across": ((0, 0), (0, 1)), "fall": ((0, 0), (1, 1)), "rise": ((1, 0), (0, 1))}
    text, constants = "", {"spatial": np.array([2, 3])}
    for kind in kinds:
        first, second = corners[kind]
        high = height - max(first[0], second[0])
        wide = width - max(first[1], second[1])
        for name, (top, left) in (("a", first), ("b", second)):
            constants |= {f"{kind}_{name}_begin": np.array([top, left])}
            constants |= {f"{kind}_{name}_end": np.array([top + high, left + wide])}
            text += f"{kind}_{name} = Slice(picture, {kind}_{name}_begin, {kind}_{name}_end, spatial)\n"
        text += f"{kind} = Sub({kind}_b, {kind}_a)\n"
    return text, constants


def _tv(shape: tuple[int, ...]) -> _Measure:
    text, constants = _differences(shape, "down", "across")
    for kind in ("down", "across"):
        text += f"{kind}_size = Abs({kind}) {kind}_sum = ReduceSum <keepdims = 0> ({kind}_size, axes)\n"
    return _Measure(text + "plain = Add(down_sum, across_sum)", {**constants, "axes": AROUND})


def _tv_mean(shape: tuple[int, ...]) -> _Measure:
    whole = _tv(shape)
    body = whole.body.replace("plain = Add", "total = Add") + " plain = Div(total, count)"
    return _Measure(body, {**whole.constants, "count": np.array(np.prod(shape[1:]), np.float32)})


def _four_norm(shape: tuple[int, ...], axes: npt.NDArray[np.int64], end: str) -> _Measure:
    kinds = ("down", "across", "fall", "rise")
    text, constants = _differences(shape, *kinds)
    for kind in kinds:
        text += f"""
            {kind}_square = Mul({kind}, {kind})
            {kind}_sum = ReduceSum <keepdims = 0> ({kind}_square, axes)
            {kind}_raised = Add({kind}_sum, tiny)
            {kind}_length = Sqrt({kind}_raised)
            """
    lengths = ", ".join(f"{kind}_length" for kind in kinds)
    return _Measure(f"{text} {end.format(lengths)}", {**constants, "axes": axes, "tiny": np.array(TINY, np.float32)})


def _tv_four_norm(shape: tuple[int, ...]) -> _Measure:
    return _four_norm(shape, AROUND, "plain = Sum({})")


def _tv_four_norm_mean(shape: tuple[int, ...]) -> _Measure:
    measure = _four_norm(shape, AROUND[1:], "lengths = Sum({}) plain = ReduceMean <keepdims = 0> (lengths, channels)")
    return _Measure(measure.body, {**measure.constants, "channels": np.array([1])})


def _blur(shape: tuple[int, ...]) -> _Measure:
    batch, channels, height, width = shape
    kernel = np.full((3, 3), 0.5)
    kernel[1, 1] = 1
    inside = np.pad(np.ones((height, width)), 1)
    total = sum(kernel[i, j] * inside[i : i + height, j : j + width] for i in range(3) for j in range(3))
    return _Measure(
        """
        single = Reshape(still, alone)
        mixed = Conv <pads = [1, 1, 1, 1]> (single, kernel)
        even = Div(mixed, total)
        blurred = Reshape(even, whole)
        away = Sub(picture, blurred)
        square = Mul(away, away)
        total_square = ReduceSum <keepdims = 0> (square, axes)
        plain = Mul(total_square, half)
        """,
        {
            "axes": AROUND,
            "half": np.array(0.5, np.float32),
            "alone": np.array([batch * channels, 1, height, width]),
            "whole": np.array(shape),
            "kernel": kernel[None, None].astype(np.float32),
            "total": np.asarray(total, np.float32),
        },
        fixed="blurred",
    )


def _spectral(shape: tuple[int, ...]) -> _Measure:
    """Return the spectral penalty by its two parts: |f|^2 is a sum over both axes, so each part needs one transform.

    The mean over all frequencies of g(f_y) |X|^2 is a quadratic form of the columns alone, x' Q x with the symmetric
    circulant matrix Q whose eigenvalues are g; the rows are the same.
    """
    _, channels, height, width = shape
    return _Measure(
        """
        by_rows = MatMul(rows, picture)
        by_columns = MatMul(picture, columns)
        both = Add(by_rows, by_columns)
        energy = Mul(picture, both)
        plain = ReduceSum <keepdims = 0> (energy, axes)
        """,
        {
            "axes": AROUND,
            "rows": _circulant(height, channels * height * width),
            "columns": _circulant(width, channels * height * width),
        },
    )


def _circulant(size: int, count: int) -> npt.NDArray[np.float32]:
    """Return the symmetric circulant matrix whose eigenvalues are the squares of the frequencies, by ``count``."""
    first = np.fft.ifft(np.fft.fftfreq(size) ** 2).real
    matrix: npt.NDArray[np.float32] = first[np.subtract.outer(np.arange(size), np.arange(size)) % size] / count
    return matrix.astype(np.float32)


PENALTIES: Mapping[PenaltyKind, Callable[[tuple[int, ...]], _Measure]] = {
    "l1": _l1,
    "l2": _l2,
    "l_infinity": _l_infinity,
    "tv": _tv,
    "tv_mean": _tv_mean,
    "tv_four_norm": _tv_four_norm,
    "tv_four_norm_mean": _tv_four_norm_mean,
    "blur": _blur,
    "spectral": _spectral,
}
